// A reply on the page: at most one rendering per frame, and never more than a small share of the time.

import { Blocks } from "./blocks";
import { sanitise } from "./markdown";

const SHARE = 10; // a rendering that took one millisecond is followed by ten without one

interface Shown {
  html: string;
  nodes: ChildNode[];
}

export class Written {
  #blocks = new Blocks();
  #shown: Shown[] = [];
  #dressed = 0; // blocks that `dress` has seen
  #text = "";
  #ended = false;
  #planned = false;
  #rest = 0; // the time before which nothing is rendered

  /** `dress` is given the nodes of every block once it is finished. */
  constructor(
    private readonly root: Element,
    private readonly dress: (nodes: ChildNode[]) => void,
  ) {}

  /** Show the text so far. `ended`: it is whole, and shown at once. */
  show(text: string, ended: boolean): void {
    if (text === this.#text && ended === this.#ended) return;
    if (!text.startsWith(this.#text)) this.#clear();
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
    try {
      const { start, html } = this.#blocks.take(this.#text, this.#ended);
      html.forEach((block, index) => this.#put(start + index, block));
      for (const { nodes } of this.#shown.splice(start + html.length)) for (const node of nodes) node.remove();
      const finished = this.#ended ? this.#shown.length : start;
      for (; this.#dressed < finished; this.#dressed++) this.dress(this.#shown[this.#dressed].nodes);
    } catch {
      // The reply cannot be read as Markdown, or this page lets nobody make HTML: it is shown as it is.
      this.#clear();
      this.root.classList.add("raw");
      this.root.textContent = this.#text;
    }
    const ended = performance.now();
    this.#rest = ended + (ended - began) * SHARE;
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
      this.root.insertBefore(template.content, after);
    } else {
      this.root.append(template.content);
    }
    this.#shown[index] = { html, nodes };
    this.#dressed = Math.min(this.#dressed, index);
  }

  #clear(): void {
    this.root.replaceChildren();
    this.#blocks = new Blocks();
    this.#shown = [];
    this.#dressed = 0;
    this.#text = "";
  }
}
