// What is loaded when it is first wanted: the panel about a reply, and two replies side by side. Lit and the words are the
// element's own, handed in, so that nothing is loaded twice.

import type { html as Html, nothing as Nothing } from "lit";
import type { Scene } from "./scene";
import type { Exchange, Rating } from "./types";

export { default as css } from "./extras.css";

export interface Kit {
  html: typeof Html;
  nothing: typeof Nothing;
}

/** What is loaded. */
export interface Extras {
  panel(scene: Scene, exchange: Exchange, rating: Rating): unknown;
  compare(scene: Scene): unknown;
}

export function createExtras({ html, nothing }: Kit): Extras {
  function panel(scene: Scene, exchange: Exchange, rating: Rating) {
    const { words, language, persona } = scene;
    const down = rating.rating === "down";
    const reasons = persona.reasons?.[rating.rating] ?? [];
    const close = () => scene.tell(null, true);
    const save = (event: SubmitEvent) => {
      event.preventDefault();
      scene.rate(exchange, read(event.target as HTMLFormElement, rating, exchange.reply));
      close();
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.isComposing) return;
      event.stopPropagation();
      close();
    };
    const chip = (key: string) => html`<label class="chip">
      <input type="checkbox" name="reason" value=${key} ?checked=${rating.reasons.includes(key)} /><span>${language.reason(key)}</span>
    </label>`;
    return html`<form class="panel" part="panel" aria-label=${words("about")} @submit=${save} @keydown=${escape}>
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
        <button type="button" class="secondary" @click=${close}>${words("not_now")}</button>
      </div>
    </form>`;
  }

  function compare(scene: Scene) {
    const { words, chat } = scene;
    const prefer = (id: string | null) => {
      chat.prefer(id).catch(() => {}).finally(() => chat.endCompare());
    };
    const [first, second] = chat.compare?.order ?? [];
    const keys = (event: KeyboardEvent) => {
      const choice = { a: first, b: second, e: null }[event.key.toLowerCase()];
      if (choice === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      prefer(choice);
    };
    return html`<div class="choice" role="group" aria-label=${words("compare")} @keydown=${keys}>
      <p>${words("compare")}</p>
      <div class="buttons">
        <button type="button" class="chosen" @click=${() => prefer(first)}>${words("compare_first")}<kbd aria-hidden="true">A</kbd></button>
        <button type="button" class="chosen" @click=${() => prefer(second)}>${words("compare_second")}<kbd aria-hidden="true">B</kbd></button>
        <button type="button" class="chosen" @click=${() => prefer(null)}>${words("compare_equal")}<kbd aria-hidden="true">E</kbd></button>
        <button type="button" class="secondary" @click=${() => chat.endCompare()}>${words("compare_skip")}</button>
      </div>
    </div>`;
  }

  return { panel, compare };
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
