// What can be done about a turn, loaded once there is one: copy, rate, ask again, page, edit, choose, begin anew. And the choice
// of a persona, where there are several.

import { html, nothing } from "lit-html";
import { copyText } from "./clipboard";
import { dressCode } from "./code";
import { compare } from "./compare";
import { editor } from "./editor";
import { again, copy, done, edit } from "./icons";
import { pager } from "./pager";
import { panel } from "./panel";
import { afterThumbs, thumbs } from "./rating";
import type { Extras, Scene } from "./scene";
import { isDead, type Turn } from "./thread";
import type { Persona } from "./types";
import type { Words } from "./words";

export { default as css } from "./extras.css";
export { default as english } from "./locales/en.extras.json";

export const extras: Extras = { aboutMessage, aboutReply, editor, compare, chooser, sure, dressCode, copyText };

function aboutMessage(scene: Scene, { exchange, wordings }: Turn) {
  const { words, chat } = scene;
  const label = words("edit");
  return html`<div class="actions end">
    ${pager(scene, wordings, exchange, "message_n")}
    <button type="button" class="icon quiet" aria-label=${label} title=${label} ?disabled=${chat.busy} @click=${() => scene.edit(exchange)}>${edit()}</button>
  </div>`;
}

function aboutReply(scene: Scene, { exchange, replies }: Turn) {
  const { words, chat } = scene;
  const complete = exchange.state === "complete";
  const copied = scene.copied === exchange.id;
  if (exchange.state === "open" || (isDead(exchange) && replies.length < 2)) return nothing;
  return html`<div class="actions" part="actions">
      ${complete ? thumbs(scene, exchange) : nothing}
      <button type="button" class="icon" aria-label=${words(copied ? "copied" : "copy")} title=${words("copy")}
        @click=${() => scene.copy(exchange)}>${copied ? done() : copy()}</button>
      ${complete
        ? html`<button type="button" class="icon" aria-label=${words("another")} title=${words("another")} ?disabled=${chat.busy}
            @click=${() => chat.regenerate(exchange)}>${again()}</button>`
        : nothing}
      ${pager(scene, replies, exchange, "reply_n")} ${complete ? afterThumbs(scene, exchange) : nothing}
    </div>
    ${panel(scene, exchange)}`;
}

function chooser(words: Words, personas: Persona[], current: Persona, choose: (persona: Persona) => void) {
  return html`<fieldset class="segments"><legend class="unseen">${words("who")}</legend>
    ${personas.map(
      (persona) => html`<label class="segment">
        <input type="radio" name="persona" .checked=${persona.name === current.name} @change=${() => choose(persona)} /><span>${persona.title}</span></label>`,
    )}</fieldset>`;
}

function sure({ words, reset }: Scene, keep: () => void) {
  return html`<div class="notice calm" role="group" aria-label=${words("new")}>
    <p>${words("new_sure")}</p>
    <button type="button" class="link" id="sure" @click=${reset}>${words("new_begin")}</button>
    <button type="button" class="link" @click=${keep}>${words("keep")}</button>
  </div>`;
}
