// The rating of one reply: saved with one click, withdrawn with a second, explained only by those who want to.

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { icons } from "./icons";
import type { Scene } from "./scene";
import type { Exchange, Thumb } from "./types";

/** The two thumbs. */
export function thumbs(scene: Scene, exchange: Exchange) {
  const { words } = scene;
  const button = (thumb: Thumb, label: string, icon: unknown) => html`<button
    type="button" class="icon ${thumb}" part="thumb" aria-pressed=${exchange.rating?.rating === thumb} aria-label=${label} title=${label}
    @click=${() => press(scene, exchange, thumb)}>${icon}</button>`;
  return html`<span class="thumbs" role="group" aria-label=${words("rate")} @pointerenter=${scene.load} @focusin=${scene.load}>
    ${button("up", words("good"), icons.up)}${button("down", words("bad"), icons.bad)}
  </span>`;
}

/** What is said beside the thumbs: thanks, the way to say more, or what became of a rating that was not saved. */
export function afterThumbs(scene: Scene, exchange: Exchange) {
  const { words, chat, about } = scene;
  const { rating } = exchange;
  const note = chat.notes.get(exchange.id);
  const explained = Boolean(rating && (rating.reasons.length || rating.comment || rating.correction));
  return html`
    ${rating && about !== exchange.id
      ? html`${explained ? html`<span class="muted">${words("thanks")}</span>` : nothing}
          <button type="button" class="link more" aria-expanded="false" @click=${() => scene.tell(exchange, true)}>
            ${words(explained ? "tell_edit" : "tell_more")}</button>`
      : nothing}
    ${note === "queued" ? html`<span class="muted">${words("queued")}</span>` : nothing}
    ${note === "refused" ? html`<span class="trouble" role="alert">${words("refused")}</span>` : nothing}
  `;
}

/** The panel, when it is open; another thumb has another panel. */
export function panel(scene: Scene, exchange: Exchange) {
  const { rating } = exchange;
  if (!rating || scene.about !== exchange.id) return nothing;
  if (!scene.extras) return html`<p class="state">${scene.words("loading")}</p>`;
  const { extras } = scene;
  return repeat([rating.rating], (thumb) => thumb, () => extras.panel(scene, exchange, rating));
}

function press(scene: Scene, exchange: Exchange, thumb: Thumb): void {
  if (exchange.rating?.rating === thumb) {
    scene.tell(null);
    scene.rate(exchange, null);
    return;
  }
  scene.rate(exchange, { rating: thumb, reasons: [], comment: "", correction: null });
  scene.tell(thumb === "down" ? exchange : null);
}
