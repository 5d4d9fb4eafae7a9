// Where a message is written: grows with it, sends on Enter, and never loses it.

import { html } from "lit-html";
import { send, stop as square } from "./icons";
import type { Memory } from "./memory";
import type { Words } from "./words";

/** While an input method composes, Enter takes its proposal; Safari reports that only as key code 229. */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}

export class Composer {
  #memory: Memory | null = null;
  #value = "";
  readonly #changedText: () => void;
  readonly #send: (message: string) => void;
  readonly #area: () => HTMLTextAreaElement | null;

  constructor(changedText: () => void, send: (message: string) => void, area: () => HTMLTextAreaElement | null) {
    this.#changedText = changedText;
    this.#send = send;
    this.#area = area;
  }

  get text(): string {
    return this.#value.trim();
  }

  set text(value: string) {
    this.#value = value;
    if (this.#memory) this.#memory.draft = value;
    this.#changedText();
  }

  /** Go on with the draft that this memory holds. */
  open(memory: Memory): void {
    const early = this.#memory ? "" : this.text; // written before it was known where to keep it
    this.#memory = memory;
    this.text = memory.draft;
    if (early) this.putBack(early);
  }

  /** Clear what was sent; a draft that was not it stays. */
  take(message: string): void {
    if (this.text === message) this.text = "";
  }

  /** Put what was not sent before what has been written since. */
  putBack(message: string): void {
    if (this.text !== message) this.text = this.text ? `${message}\n\n${this.text}` : message;
  }

  /** On a phone this would call up the keyboard, which is the person's to do. */
  focus(): void {
    if (matchMedia("(pointer: fine)").matches) this.#area()?.focus({ preventScroll: true });
  }

  /** Bring the text into the text area, where it is not already. */
  drew(): void {
    const area = this.#area();
    if (area && area.value !== this.#value) area.value = this.#value;
  }

  render(words: Words, title: string, busy: boolean, stop: () => void) {
    const label = words("message", { title });
    const button = busy
      ? html`<button class="round stop" type="button" aria-label=${words("stop")} title=${words("stop")} @click=${stop}>${square()}</button>`
      : html`<button class="round" type="submit" ?disabled=${!this.text} aria-label=${words("send")} title=${words("send")}>
          ${send()}</button>`;
    return html`<form class="composer" part="composer" @submit=${this.#submit}>
      <textarea id="draft" rows="1" dir="auto" autocomplete="off" enterkeyhint="send" aria-label=${label}
        placeholder=${words("placeholder", { title })} @input=${this.#changed} @keydown=${this.#pressed}></textarea>
      ${button}
    </form>`;
  }

  readonly #changed = (event: Event) => {
    this.text = (event.target as HTMLTextAreaElement).value;
  };

  readonly #submit = (event: Event) => {
    event.preventDefault();
    if (this.text) this.#send(this.text);
  };

  readonly #pressed = (event: KeyboardEvent) => {
    if (event.key === "Enter" && !event.shiftKey && !isComposing(event)) this.#submit(event);
  };
}

const grows = typeof CSS !== "undefined" && CSS.supports("field-sizing", "content");

/** Make text areas as high as their text, where the style sheet cannot. */
export function fit(areas: Iterable<HTMLTextAreaElement>): void {
  if (grows) return;
  for (const area of areas) {
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight}px`;
  }
}
