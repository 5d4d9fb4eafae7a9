// What stands above the composer when something did not work: what it is, that nothing is lost, and the way out.

import { html, nothing } from "lit-html";
import type { Notice } from "./chat";
import type { Words } from "./words";

/** `left` is how many seconds the service would still like to be left alone, `anew` begins a new conversation. */
export function troubleView(words: Words, title: string, { trouble, about, retry }: Notice, left: number, anew: (() => void) | null) {
  const sent = about === "send";
  const text = about === "stop" ? words("not_stopped") : words(trouble.kind, { title });
  const way = trouble.kind === "auth" ? anew : retry;
  const label = words(way === anew ? "new_begin" : sent ? "send_again" : "again");
  return html`<div class="notice" role="alert">
    <p>${text}${sent ? html` ${words("kept")}` : nothing}
      ${trouble.kind === "unknown" && trouble.reference ? html`<small>${words("reference", { reference: trouble.reference })}</small>` : nothing}</p>
    ${way
      ? html`<button type="button" class="link" ?disabled=${left > 0} @click=${way}>${label}${left > 0
          ? html`<span aria-hidden="true"> ${words("in_seconds", { seconds: left })}</span>`
          : nothing}</button>`
      : nothing}
  </div>`;
}
