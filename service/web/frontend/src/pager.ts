// Which of several replies, or of several wordings of a message, is shown.

import { html, nothing } from "lit-html";
import { back, on } from "./icons";
import type { Exchange } from "./types";
import type { Words } from "./words";

/** Nothing when there is only one. `label` says which of how many, to those who do not see the numbers. */
export function pager(words: Words, all: Exchange[], shown: Exchange, label: "reply_n" | "message_n", choose: (exchange: Exchange) => void) {
  if (all.length < 2) return nothing;
  const at = all.indexOf(shown);
  const step = (to: Exchange | undefined, name: string, icon: unknown) =>
    html`<button type="button" class="icon turn-page" aria-label=${name} title=${name} ?disabled=${!to} @click=${() => choose(to!)}>${icon}</button>`;
  return html`<span class="pager" role="group" aria-label=${words(label, { n: at + 1, all: all.length })}>
    ${step(all[at - 1], words("previous"), back())}<span aria-hidden="true">${at + 1}/${all.length}</span>${step(all[at + 1], words("next"), on())}
  </span>`;
}
