// Why a reply was good or bad, and what it should have been: asked for quietly, in the place where it was rated.

import { html, nothing } from "lit-html";
import type { Desk } from "./extras";
import type { Scene } from "./scene";
import type { Exchange, Rating } from "./types";

/** The panel, when it is open. Each thumb has a panel of its own, so that none shows what was said with the other. */
export function panel(scene: Scene, desk: Desk, exchange: Exchange) {
  const { rating } = exchange;
  if (!rating || desk.about !== exchange.id) return nothing;
  const form = view(scene, desk, exchange, rating);
  return rating.rating === "up" ? html`<div class="about-good">${form}</div>` : html`<div class="about-bad">${form}</div>`;
}

function view({ words, language, persona, chat }: Scene, { tell, ratings }: Desk, exchange: Exchange, rating: Rating) {
  const down = rating.rating === "down";
  const reasons = persona.reasons?.[rating.rating] ?? [];
  const save = (event: SubmitEvent) => {
    event.preventDefault();
    ratings(chat).rate(exchange, read(event.target as HTMLFormElement, rating, exchange.reply));
    tell(null, true);
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || event.isComposing) return;
    event.stopPropagation();
    tell(null, true);
  };
  const chip = (key: string) => html`<label class="chip">
    <input type="checkbox" name="reason" value=${key} ?checked=${rating.reasons.includes(key)} /><span>${language.reason(key)}</span></label>`;
  return html`<form class="panel" aria-label=${words("about")} @submit=${save} @keydown=${keys}>
    ${reasons.length
      ? html`<fieldset><legend>${words(down ? "what_bad" : "what_good")}</legend><div class="chips">${reasons.map(chip)}</div></fieldset>`
      : nothing}
    <label class="field"><span>${words("anything")}</span>
      <textarea name="comment" rows="1" dir="auto" maxlength="2000" placeholder=${words("optional")} .defaultValue=${rating.comment}></textarea></label>
    ${down
      ? html`<label class="field"><span>${words("should_have")}</span>
          <textarea name="correction" class="voice" rows="2" dir="auto" .defaultValue=${rating.correction ?? exchange.reply}></textarea></label>`
      : nothing}
    <div class="buttons">
      <button type="submit" class="primary">${words("save")}</button>
      <button type="button" class="secondary" @click=${() => tell(null, true)}>${words("not_now")}</button>
    </div>
  </form>`;
}

/** What the panel says now. A correction that says what the reply said is none. */
function read(form: HTMLFormElement, { rating }: Rating, reply: string): Rating {
  const data = new FormData(form);
  const correction = String(data.get("correction") ?? "").trim();
  return {
    rating,
    reasons: data.getAll("reason").map(String),
    comment: String(data.get("comment") ?? "").trim(),
    correction: correction && correction !== reply.trim() ? correction : null,
  };
}
