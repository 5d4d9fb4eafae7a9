// A custom element whose inside is drawn by lit-html: at most once per turn of the event loop, and only while it is on the page.

import { render } from "lit-html";

export abstract class View extends HTMLElement {
  /** Resolves when everything that was asked for is drawn. */
  drawn: Promise<void> = Promise.resolve();
  protected readonly inside: ShadowRoot;
  #asked = false;

  constructor(css: string) {
    super();
    this.inside = this.attachShadow({ mode: "open" });
    this.adopt(css);
  }

  /** Draw again, soon. */
  redraw(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.drawn = Promise.resolve().then(() => {
      this.#asked = false;
      if (!this.isConnected) return;
      render(this.template(), this.inside);
      this.drew();
    });
  }

  /** Add a style sheet. A constructed one needs no permission of the page. */
  protected adopt(css: string): void {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    this.inside.adoptedStyleSheets.push(sheet);
  }

  protected find<T extends HTMLElement>(selector: string): T | null {
    return this.inside.querySelector<T>(selector);
  }

  protected abstract template(): unknown;

  /** What there is to do once it is on the page. */
  protected abstract drew(): void;
}
