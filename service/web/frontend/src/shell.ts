// What is around a conversation: the launcher, the head, the greeting.

import { html, nothing } from "lit-html";
import { close as cross, fresh, mark } from "./icons";
import type { Scene } from "./scene";
import type { Words } from "./words";

export function launcher(words: Words, open: boolean, unread: boolean, toggle: () => void) {
  const label = words(open ? "close" : unread ? "open_unread" : "open");
  return html`<button id="launcher" class="launcher" part="launcher" type="button" aria-expanded=${open} aria-controls="window" aria-label=${label} title=${label}
    @click=${toggle}>${open ? cross() : mark()}${unread ? html`<i class="unread"></i>` : nothing}</button>`;
}

/** `chooser` is where there are several personas; `anew` and `close` are null where there is nothing to begin anew or to close. */
export function head(words: Words, title: string, level: number, chooser: unknown, anew: (() => void) | null, close: (() => void) | null) {
  const button = (label: string, icon: unknown, act: (() => void) | null) =>
    act && html`<button type="button" class="icon" aria-label=${label} title=${label} @click=${act}>${icon}</button>`;
  return html`<header class="head" part="header"><div class="column">
    <h2 id="title" aria-level=${level}>${mark()}<span>${title}</span></h2>
    ${chooser}${button(words("new"), fresh(), anew)}${button(words("close"), cross(), close)}
  </div></header>`;
}

export function welcome({ words, title, persona, send }: Scene, notice: boolean) {
  const suggest = (text: string) => html`<button type="button" class="suggestion" @click=${() => send(text)}>${text}</button>`;
  return html`<section class="welcome">
    <p class="who">${title}</p>
    <p class="greeting"><bdi>${persona.greeting || words("greeting", { title })}</bdi></p>
    ${notice ? html`<p class="ai">${words("notice", { title })}</p>` : nothing}
    <div class="suggestions" role="group" aria-label=${words("suggestions")}>
      ${suggest(words("suggestion_1"))}${suggest(words("suggestion_2"))}${suggest(words("suggestion_3"))}</div>
  </section>`;
}
