// The end of the conversation stays in sight for those who are there, and nobody else is pulled to it.

const NEAR = 80; // CSS pixels from the end that still count as being there

/** Keep `scroller` at its end while its `content` grows; returns a function that goes there. */
export function followEnd(scroller, content, jump) {
  let following = true;

  function measure() {
    const below = scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;
    following = below < NEAR;
    jump.hidden = following;
  }

  function goToEnd() {
    following = true;
    jump.hidden = true;
    scroller.scrollTop = scroller.scrollHeight;
  }

  const observer = new ResizeObserver(() => (following ? goToEnd() : measure()));
  observer.observe(content);
  observer.observe(scroller);
  scroller.addEventListener("scroll", measure, { passive: true });
  jump.addEventListener("click", () => {
    goToEnd();
    scroller.focus({ preventScroll: true });
  });
  return goToEnd;
}
