// One message with its reply, as shown.

import { html, nothing, type TemplateResult } from "lit";
import { kindOf } from "./api";
import { icons } from "./icons";
import { isComposing } from "./composer";
import { pager } from "./pager";
import { afterThumbs, panel, thumbs } from "./rating";
import type { Scene } from "./scene";
import { isDead, type Turn } from "./thread";
import type { Card, Exchange } from "./types";

export function turnView(scene: Scene, turn: Turn, last: boolean): TemplateResult {
  const { exchange } = turn;
  const pair = last ? scene.chat.compare : null;
  return html`<article class="turn ${last ? "last" : ""}">
    ${scene.editing === exchange.id ? editor(scene, exchange) : said(scene, turn)}
    ${exchange.card ? card(scene, exchange.card) : nothing}
    ${pair ? beside(scene, turn, pair.order) : answer(scene, turn)}
  </article>`;
}

function said(scene: Scene, { exchange, wordings }: Turn) {
  const { words, chat } = scene;
  return html`<div class="said">
    <p class="message" part="message" dir="auto"><span class="unseen">${words("you")}: </span>${exchange.message}</p>
    <div class="actions end">
      ${pager(wordings, wordings.find(({ id }) => id === exchange.id)!, "message_n", words, (one) => chat.choose(one))}
      <button type="button" class="icon quiet" aria-label=${words("edit")} title=${words("edit")} ?disabled=${chat.busy}
        @click=${() => scene.edit(exchange)}>${icons.edit}</button>
    </div>
  </div>`;
}

function editor(scene: Scene, exchange: Exchange) {
  const { words } = scene;
  const submit = (event: Event) => {
    event.preventDefault();
    const text = (event.currentTarget as HTMLElement).closest("form")!.querySelector("textarea")!.value.trim();
    scene.edit(null);
    if (text && text !== exchange.message) scene.send(text, exchange.previous);
  };
  const keys = (event: KeyboardEvent) => {
    if (isComposing(event)) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      scene.edit(null);
    }
    if (event.key === "Enter" && !event.shiftKey) submit(event);
  };
  return html`<form class="editor" @submit=${submit}>
    <textarea dir="auto" rows="1" aria-label=${words("edit_message")} .defaultValue=${exchange.message} @keydown=${keys}></textarea>
    <div class="buttons">
      <button type="button" class="secondary" @click=${() => scene.edit(null)}>${words("cancel")}</button>
      <button type="submit" class="primary">${words("send")}</button>
    </div>
  </form>`;
}

function answer(scene: Scene, turn: Turn) {
  const { exchange } = turn;
  return html`<div class="answer">
    ${body(scene, exchange)}
    ${exchange.state === "open" ? nothing : actions(scene, turn)}
    ${panel(scene, exchange)}
  </div>`;
}

/** Two replies to one message, in the order that the service drew. */
function beside(scene: Scene, turn: Turn, order: string[]) {
  const pair = order.map((id) => turn.replies.find((one) => one.id === id)).filter((one) => one !== undefined);
  return html`<div class="pair">${pair.map((one) => html`<div class="answer">${body(scene, one)}</div>`)}</div>
    ${scene.chat.busy ? nothing : (scene.extras?.compare(scene) ?? nothing)}`;
}

function body(scene: Scene, exchange: Exchange) {
  const live = scene.chat.liveOf(exchange);
  return html`<div class="reply ${live ? "writing" : ""}" part="reply" dir="auto" aria-busy=${Boolean(live)}>
      <span class="unseen">${scene.title}: </span>${scene.replies.of(exchange)}
    </div>
    ${stateLine(scene, exchange)}`;
}

function stateLine(scene: Scene, exchange: Exchange) {
  const { words, title, chat } = scene;
  const live = chat.liveOf(exchange);
  if (live?.dropped) return html`<p class="state">${words("reconnecting")}</p>`;
  if (live) return exchange.reply ? nothing : html`<p class="state waiting"><i></i><i></i><i></i><span>${words("replying", { title })}</span></p>`;
  if (exchange.state === "complete") return nothing;
  const lost = exchange.state === "open";
  const way = lost ? () => void chat.find(exchange) : () => chat.regenerate(exchange);
  const label = words(exchange.state === "cancelled" ? "answer_again" : "again");
  return html`<p class="state ${exchange.state === "cancelled" ? "" : "trouble"}">
    <span>${whyEnded(scene, exchange)}</span> <button type="button" class="link" ?disabled=${chat.busy} @click=${way}>${label}</button>
  </p>`;
}

function whyEnded({ words, title }: Scene, { state, error }: Exchange): string {
  if (state === "open") return words("lost", { title });
  if (state === "cancelled") return words("stopped");
  if (state === "interrupted") return words("interrupted", { title });
  const kind = kindOf(502, error ?? "");
  return kind === "unknown" ? words("failed", { title }) : words(kind, { title });
}

function actions(scene: Scene, turn: Turn) {
  const { exchange, replies } = turn;
  const { words, chat } = scene;
  if (isDead(exchange) && replies.length < 2) return nothing;
  const copied = scene.copied === exchange.id;
  return html`<div class="actions" part="actions">
    ${exchange.state === "complete" ? thumbs(scene, exchange) : nothing}
    <button type="button" class="icon" aria-label=${words(copied ? "copied" : "copy")} title=${words("copy")}
      @click=${() => scene.copy(exchange)}>${copied ? icons.done : icons.copy}</button>
    ${exchange.state === "complete"
      ? html`<button type="button" class="icon again" aria-label=${words("another")} title=${words("another")} ?disabled=${chat.busy}
          @click=${() => chat.regenerate(exchange)}>${icons.again}</button>`
      : nothing}
    ${pager(replies, exchange, "reply_n", words, (one) => chat.choose(one))} ${exchange.state === "complete" ? afterThumbs(scene, exchange) : nothing}
  </div>`;
}

const LINK = /^(?:https?:|tel:|sms:|mailto:)/i;

/** Help that stands beside the reply, whatever the reply says. */
function card({ words }: Scene, { title, text, links }: Card) {
  const label = title || words("card");
  return html`<section class="card" part="card" aria-label=${label}>
    <p class="card-title" dir="auto">${label}</p>
    <p dir="auto">${text}</p>
    ${links?.length
      ? html`<ul>${links
          .filter(({ href }) => LINK.test(href))
          .map((link) => html`<li><a href=${link.href} target="_blank" rel="noopener noreferrer">${link.label}</a></li>`)}</ul>`
      : nothing}
  </section>`;
}
