// A reply on the page: at most one rendering per frame, and never more than a small share of the time.

import { Blocks } from "./blocks";
import { sanitise } from "./markdown";

const SHARE = 24; // a rendering that took one millisecond is followed by 24 without one

interface Shown {
  html: string;
  nodes: ChildNode[];
}

export class Written {
  #blocks = new Blocks();
  #shown: Shown[] = [];
  #dressed = 0; // blocks that `dress` has seen
  #text = "";
  #rendered = "";
  #ended = false;
  #planned = false;
  #rest = 0; // the time before which nothing is rendered
  readonly #root: Element;
  readonly #dress: (nodes: ChildNode[]) => void;

  /** `dress` is given the nodes of every block once it is finished. */
  constructor(root: Element, dress: (nodes: ChildNode[]) => void) {
    this.#root = root;
    this.#dress = dress;
  }

  /** Show the text so far. `ended`: it is whole, and shown at once. */
  show(text: string, ended: boolean): void {
    // While it is written the length tells: comparing all of it with every word would cost more than showing it.
    if (ended === this.#ended && (ended ? text === this.#text : text.length === this.#text.length)) return;
    this.#text = text;
    this.#ended = ended;
    if (ended) this.#render();
    else this.#plan();
  }

  #plan(): void {
    if (this.#planned) return;
    this.#planned = true;
    const wait = this.#rest - performance.now();
    const next = () => requestAnimationFrame(() => this.#planned && this.#render());
    if (wait > 0) setTimeout(next, wait);
    else next();
  }

  #render(): void {
    const began = performance.now();
    this.#planned = false;
    // A reply that does not go on from what is shown, as when a stream is read from its start again, is shown anew.
    if (!this.#text.startsWith(this.#rendered)) this.#clear();
    this.#rendered = this.#text;
    try {
      this.#renderBlocks();
    } catch {
      // The reply cannot be read as Markdown, or this page lets nobody make HTML: it is shown as it is.
      this.#clear();
      this.#root.classList.add("raw");
      this.#root.append(this.#text);
    }
    if (!this.#ended) void this.#root.clientHeight; // what the browser does with it is part of what it costs
    const ended = performance.now();
    this.#rest = ended + (ended - began) * SHARE;
  }

  #renderBlocks(): void {
    const { start, html } = this.#blocks.take(this.#text, this.#ended);
    html.forEach((block, index) => this.#put(start + index, block));
    for (const { nodes } of this.#shown.splice(start + html.length)) for (const node of nodes) node.remove();
    const finished = this.#ended ? this.#shown.length : start;
    for (; this.#dressed < finished; this.#dressed++) this.#dress(this.#shown[this.#dressed].nodes);
  }

  #put(index: number, html: string): void {
    const old = this.#shown[index];
    if (old?.html === html) return;
    const template = document.createElement("template");
    template.innerHTML = sanitise(html);
    const nodes = [...template.content.childNodes];
    if (old) {
      const after = old.nodes.at(-1)?.nextSibling ?? null;
      for (const node of old.nodes) node.remove();
      this.#root.insertBefore(template.content, after);
    } else {
      this.#root.append(template.content);
    }
    this.#shown[index] = { html, nodes };
    this.#dressed = Math.min(this.#dressed, index);
  }

  #clear(): void {
    this.#root.replaceChildren();
    this.#root.classList.remove("raw");
    this.#blocks = new Blocks();
    this.#shown = [];
    this.#dressed = 0;
    this.#rendered = "";
  }
}
