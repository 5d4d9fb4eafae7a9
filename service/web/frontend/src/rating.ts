// The rating of one reply: saved with one click, withdrawn with a second, explained only by those who want to.

import { html, nothing } from "lit-html";
import type { Desk } from "./extras";
import { thumb as drawing } from "./icons";
import type { Scene } from "./scene";
import type { Exchange, Thumb } from "./types";

/** The two thumbs. */
export function thumbs(scene: Scene, desk: Desk, exchange: Exchange) {
  const { words } = scene;
  const button = (thumb: Thumb, label: string) =>
    html`<button type="button" class="icon ${thumb}" aria-pressed=${exchange.rating?.rating === thumb} aria-label=${label} title=${label}
      @click=${() => press(scene, desk, exchange, thumb)}>${drawing()}</button>`;
  return html`<span class="thumbs" role="group" aria-label=${words("rate")}>
    ${button("up", words("good"))}${button("down", words("bad"))}</span>`;
}

/** What is said beside the thumbs: thanks, the way to say more, or what became of a rating that was not saved. */
export function afterThumbs({ words, chat }: Scene, { about, tell, ratings }: Desk, exchange: Exchange) {
  const { rating, id } = exchange;
  const note = ratings(chat).notes.get(id);
  const explained = Boolean(rating && (rating.reasons.length || rating.comment || rating.correction));
  return html`
    ${rating && explained && about !== id ? html`<span class="muted">${words("thanks")}</span>` : nothing}
    ${rating && about !== id
      ? html`<button type="button" class="link more" aria-expanded="false" @click=${() => tell(exchange, true)}>
          ${words(explained ? "tell_edit" : "tell_more")}</button>`
      : nothing}
    ${note === "queued" ? html`<span class="muted">${words("queued")}</span>` : nothing}
    ${note === "refused" ? html`<span class="trouble" role="alert">${words("refused")}</span>` : nothing}
  `;
}

function press({ chat }: Scene, { tell, ratings }: Desk, exchange: Exchange, thumb: Thumb): void {
  const again = exchange.rating?.rating === thumb;
  ratings(chat).rate(exchange, again ? null : { rating: thumb, reasons: [], comment: "", correction: null });
  tell(!again && thumb === "down" ? exchange : null);
}
