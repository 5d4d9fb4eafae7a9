// One message with its reply, as shown. What can be done about them is in `extras.ts`.

import { html, nothing } from "lit-html";
import { kindOf } from "./api";
import type { Scene } from "./scene";
import type { Turn } from "./thread";
import type { Card, Exchange } from "./types";

export function turnView(scene: Scene, turn: Turn, last: boolean) {
  const { exchange } = turn;
  const { extras, words } = scene;
  const said = html`<p class="message" part="message" dir="auto"><bdi class="unseen">${words("you")}: </bdi>${exchange.message}</p>`;
  return html`<article class="turn ${last ? "last" : ""}">
    ${extras ? extras.message(scene, turn, said) : html`<div class="said">${said}</div>`}
    ${exchange.card ? card(words("card"), exchange.card) : nothing}
    ${extras && last && scene.chat.compare
      ? extras.compare(scene, turn, body)
      : html`<div class="answer">${body(scene, exchange)} ${extras?.reply(scene, turn)}</div>`}
  </article>`;
}

function body(scene: Scene, exchange: Exchange) {
  const live = Boolean(scene.chat.liveOf(exchange));
  return html`<div class="reply ${live ? "writing" : ""}" part="reply"><span class="unseen">${scene.title}: </span>${scene.replies.of(exchange)}</div>
    ${stateLine(scene, exchange)}`;
}

function stateLine({ words, title, chat }: Scene, exchange: Exchange) {
  const live = chat.liveOf(exchange);
  if (live?.dropped) return html`<p class="state">${words("reconnecting")}</p>`;
  if (live) return exchange.reply ? nothing : waiting(words("replying", { title }));
  if (exchange.state === "complete") return nothing;
  const way = () => (exchange.state === "open" ? void chat.find(exchange) : chat.regenerate(exchange));
  const stopped = exchange.state === "cancelled";
  return html`<p class="state ${stopped ? "" : "trouble"}"><span>${whyEnded({ words, title }, exchange)}</span>
    <button type="button" class="link" ?disabled=${chat.busy} @click=${way}>${words(stopped ? "answer_again" : "again")}</button></p>`;
}

export function waiting(text: string) {
  return html`<p class="state waiting"><i></i><i></i><i></i><span>${text}</span></p>`;
}

function whyEnded({ words, title }: Pick<Scene, "words" | "title">, { state, error }: Exchange): string {
  if (state === "open") return words("lost", { title });
  if (state === "cancelled") return words("stopped");
  if (state === "interrupted") return words("interrupted", { title });
  const kind = kindOf(502, error ?? "");
  return words(kind === "unknown" ? "failed" : kind, { title });
}

const LINK = /^(?:https?|tel|sms|mailto):/i;

/** Help that stands beside the reply, whatever the reply says. */
function card(label: string, { title, text, links }: Card) {
  const safe = links?.filter(({ href }) => LINK.test(href)) ?? [];
  return html`<section class="card" aria-label=${title || label}>
    <p class="card-title" dir="auto">${title || label}</p>
    <p dir="auto">${text}</p>
    <ul>${safe.map(({ href, label }) => html`<li><a href=${href} target="_blank" rel="noopener noreferrer">${label}</a></li>`)}</ul>
  </section>`;
}
