// What is around a conversation: the launcher, the head, the greeting.

import { html, nothing } from "lit";
import { icons } from "./icons";
import type { Scene } from "./scene";
import type { Persona } from "./types";
import type { Words } from "./words";

export function launcher(words: Words, open: boolean, unread: boolean, toggle: () => void) {
  const label = words(open ? "close" : unread ? "open_unread" : "open");
  return html`<button id="launcher" class="launcher" part="launcher" type="button" aria-expanded=${open} aria-controls="window" aria-label=${label} title=${label}
    @click=${toggle}>${open ? icons.close : icons.mark}${unread ? html`<i class="unread"></i>` : nothing}</button>`;
}

interface Head {
  title: string;
  /** The personas to choose from; none when one was named. */
  personas: Persona[];
  current: string;
  choose(persona: Persona): void;
  anew: (() => void) | null;
  close: (() => void) | null;
}

export function head(words: Words, { title, personas, current, choose, anew, close }: Head) {
  const chooser = html`<fieldset class="segments"><legend class="unseen">${words("who")}</legend>
    ${personas.map(
      (persona) => html`<label class="segment">
        <input type="radio" name="persona" .checked=${persona.name === current} @change=${() => choose(persona)} /><span>${persona.title}</span></label>`,
    )}</fieldset>`;
  const button = (label: "new" | "close", icon: unknown, act: () => void) =>
    html`<button type="button" class="icon ${label}" aria-label=${words(label)} title=${words(label)} @click=${act}>${icon}</button>`;
  return html`<header class="head" part="header"><div class="column">
    <h2 id="title">${icons.mark}<span>${title}</span></h2>
    ${personas.length > 1 ? chooser : nothing}
    ${anew ? button("new", icons.fresh, anew) : nothing} ${close ? button("close", icons.close, close) : nothing}
  </div></header>`;
}

export function welcome({ words, title, persona, send }: Scene, notice: boolean) {
  return html`<section class="welcome" part="welcome">
    <p class="who">${title}</p>
    <p class="greeting" dir="auto">${persona.greeting || words("greeting", { title })}</p>
    ${notice ? html`<p class="ai">${words("notice", { title })}</p>` : nothing}
    <div class="suggestions" role="group" aria-label=${words("suggestions")}>
      ${(["suggestion_1", "suggestion_2", "suggestion_3"] as const).map(
        (key) => html`<button type="button" class="suggestion" @click=${() => send(words(key))}>${words(key)}</button>`,
      )}
    </div>
  </section>`;
}
