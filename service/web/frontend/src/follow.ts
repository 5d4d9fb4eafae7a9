// The end of the conversation stays in sight for those who are there, and nobody else is pulled to it.

const NEAR = 80; // CSS pixels from the end that still count as being there

export class End {
  /** Whether the end is out of sight, so that there must be a way to jump to it. */
  away = false;
  #following = true;
  readonly #observer = new ResizeObserver(() => (this.#following ? this.go() : this.#measure()));
  readonly #measured = () => this.#measure();
  readonly #scroller: HTMLElement;
  readonly #changed: () => void;

  constructor(scroller: HTMLElement, content: HTMLElement, changed: () => void) {
    this.#scroller = scroller;
    this.#changed = changed;
    this.#observer.observe(content);
    this.#observer.observe(scroller);
    scroller.addEventListener("scroll", this.#measured, { passive: true });
  }

  /** Go to the end and stay there while it grows. */
  go(): void {
    this.#set(true);
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  /** Stay here, though the end is near: somebody is reading or writing here. */
  hold(): void {
    this.#following = false;
  }

  disconnect(): void {
    this.#observer.disconnect();
    this.#scroller.removeEventListener("scroll", this.#measured);
  }

  #measure(): void {
    const { scrollHeight, clientHeight, scrollTop } = this.#scroller;
    if (clientHeight) this.#set(scrollHeight - clientHeight - scrollTop < NEAR);
  }

  #set(near: boolean): void {
    this.#following = near;
    if (this.away !== near) return;
    this.away = !near;
    this.#changed();
  }
}
