// Replies on the page. Each has one element of its own, which grows past the view while the reply is written.

import type { Exchange } from "./types";
import { Written } from "./written";

export class Replies {
  readonly #known = new WeakMap<Exchange, { element: Element; written: Written }>();
  readonly #dress: (nodes: ChildNode[]) => void;

  /** `dress` is given the nodes of every block that is finished. */
  constructor(dress: (nodes: ChildNode[]) => void) {
    this.#dress = dress;
  }

  /** The element that shows the reply as it is now. */
  of(exchange: Exchange): Element {
    let found = this.#known.get(exchange);
    if (!found) {
      const element = document.createElement("div");
      element.className = "text";
      element.dir = "auto";
      found = { element, written: new Written(element, this.#dress) };
      this.#known.set(exchange, found);
    }
    found.written.show(exchange.reply, exchange.state !== "open");
    return found.element;
  }

  /** The reply as it reads, without its marks. */
  textOf(exchange: Exchange): string {
    return this.of(exchange).textContent?.trim() ?? "";
  }
}
