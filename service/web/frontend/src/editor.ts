// A message that is written anew: what follows it then follows the new wording, and the old one stays a page away.

import { html } from "lit-html";
import type { Desk } from "./extras";
import type { Scene } from "./scene";
import type { Exchange } from "./types";

export function editor({ words, send }: Scene, { edit }: Desk, exchange: Exchange) {
  const submit = (event: Event) => {
    event.preventDefault();
    const text = (event.currentTarget as HTMLElement).closest("form")!.querySelector("textarea")!.value.trim();
    edit(null);
    if (text && text !== exchange.message) send(text, exchange.previous);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      edit(null);
    }
    if (event.key === "Enter" && !event.shiftKey) submit(event);
  };
  return html`<form class="editor" @submit=${submit}>
    <textarea dir="auto" rows="1" aria-label=${words("edit_message")} .defaultValue=${exchange.message} @keydown=${keys}></textarea>
    <div class="buttons">
      <button type="button" class="secondary" @click=${() => edit(null)}>${words("cancel")}</button>
      <button type="submit" class="primary">${words("send")}</button>
    </div>
  </form>`;
}
