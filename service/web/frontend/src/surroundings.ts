// The page around the element, while it covers the page on a phone: out of reach, and out of the keyboard's way.

/** Put everything but `host` out of reach; returns what puts it back. */
export function cover(host: Element): () => void {
  const changed: HTMLElement[] = [];
  for (let inside: Element | null = host; inside && inside !== document.body; inside = inside.parentElement) {
    for (const sibling of inside.parentElement?.children ?? []) {
      if (sibling === inside || !(sibling instanceof HTMLElement) || sibling.inert) continue;
      sibling.inert = true;
      changed.push(sibling);
    }
  }
  return () => {
    for (const element of changed) element.inert = false;
  };
}

/** Keep `element` as high as what the keyboard leaves free; returns what ends it. */
export function fitViewport(element: () => HTMLElement | null): () => void {
  const view = window.visualViewport;
  if (!view) return () => {};
  const fit = () => {
    element()?.style.setProperty("--_height", `${view.height}px`);
    element()?.style.setProperty("--_top", `${view.offsetTop}px`);
  };
  view.addEventListener("resize", fit);
  view.addEventListener("scroll", fit);
  fit();
  return () => {
    view.removeEventListener("resize", fit);
    view.removeEventListener("scroll", fit);
    element()?.style.removeProperty("--_height");
    element()?.style.removeProperty("--_top");
  };
}
