// A reply while it is written. Blocks that are finished are rendered once; only what may still change is rendered again.

import { blocksOf, renderBlock } from "./markdown";

/** The blocks from `start` on, as HTML that has yet to be sanitised; those before it stay as they are. */
export interface Step {
  start: number;
  html: string[];
}

/** Turns a growing text into blocks. */
export class Blocks {
  #count = 0; // finished blocks
  #length = 0; // characters they take

  /** Take the text so far. `ended`: nothing will come after it. */
  take(text: string, ended: boolean): Step {
    const tokens = blocksOf(text.slice(this.#length));
    if (ended && this.#count > 0 && Object.keys(blocksOf(text).links).length > 0) {
      // Links are defined somewhere; now that all of it is there, every block can use them.
      this.#count = this.#length = 0;
      return { start: 0, html: visible(blocksOf(text)).map(renderBlock) };
    }
    const start = this.#count;
    const html = visible(tokens).map(renderBlock);
    // The last block still grows, and the one before it may yet take it in: a list, the item after a blank line.
    const open = tokens.indexOf(visible(tokens).at(-2) ?? tokens[0]);
    if (open > 0) {
      const finished = tokens.slice(0, open);
      this.#count += visible(finished).length;
      this.#length += finished.reduce((sum, { raw }) => sum + raw.length, 0);
    }
    return { start, html };
  }
}

function visible<T extends { type: string }>(tokens: T[]): T[] {
  return tokens.filter(({ type }) => type !== "space" && type !== "def");
}
