// What a screen reader is told, politely: that a reply is being written, that it still is, and at the end all of it, once.

import type { Words } from "./words";

const STILL = 7_000; // milliseconds between two signs of life
const PIECE = 500; // characters; longer texts are told in pieces
const FORGET = 30_000; // milliseconds after which a text need not be found twice on the page

export class Announcer {
  #timer: ReturnType<typeof setInterval> | undefined;
  #forget: ReturnType<typeof setTimeout> | undefined;
  readonly #region: () => Element | null;

  /** `region` gives the element with `role="status"`, once there is one. */
  constructor(region: () => Element | null) {
    this.#region = region;
  }

  say(...texts: string[]): void {
    clearTimeout(this.#forget);
    const pieces = texts.flatMap(piecesOf).map((piece) => {
      const line = document.createElement("p");
      line.textContent = piece;
      return line;
    });
    this.#region()?.replaceChildren(...pieces);
    this.#forget = setTimeout(() => this.#region()?.replaceChildren(), FORGET);
  }

  replying(words: Words, title: string): void {
    this.quiet();
    this.say(words("replying", { title }));
    this.#timer = setInterval(() => this.say(words("still_replying", { title })), STILL);
  }

  /** Nothing is being written any more. */
  quiet(): void {
    clearInterval(this.#timer);
  }
}

/** Cut a text at the ends of sentences, or at least between words. */
export function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  for (let rest = text.trim(); rest; ) {
    const end = rest.length > PIECE ? lastEnd(rest.slice(0, PIECE)) : PIECE;
    pieces.push(rest.slice(0, end).trim());
    rest = rest.slice(end).trim();
  }
  return pieces;
}

function lastEnd(text: string): number {
  const sentence = text.search(/(?<=[.!?…。！？؟\n])[^.!?…。！？؟\n]*$/);
  return sentence > 0 ? sentence : text.lastIndexOf(" ") + 1 || text.length;
}
