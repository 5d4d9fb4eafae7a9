// Two replies to one message, side by side in the order that the service drew, to choose from or to leave alone.

import { html, nothing, type TemplateResult } from "lit-html";
import type { Scene } from "./scene";
import type { Turn } from "./thread";
import type { Exchange } from "./types";

export function compare(scene: Scene, { replies }: Turn, body: (scene: Scene, exchange: Exchange) => TemplateResult) {
  const order = scene.chat.compare?.order ?? [];
  const pair = order.map((id) => replies.find((one) => one.id === id)).filter((one) => one !== undefined);
  return html`<div class="pair">${pair.map((one) => html`<div class="answer">${body(scene, one)}</div>`)}</div>
    ${scene.chat.busy ? nothing : choice(scene, order)}`;
}

function choice({ words, chat }: Scene, [first, second]: string[]) {
  const prefer = (id: string | null) => void chat.prefer(id);
  const keys = (event: KeyboardEvent) => {
    const chosen = { a: first, b: second, e: null }[event.key.toLowerCase()];
    if (chosen === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    prefer(chosen);
  };
  const button = (id: string | null, label: string, key: string) =>
    html`<button type="button" class="chosen" @click=${() => prefer(id)}>${label}<kbd aria-hidden="true">${key}</kbd></button>`;
  return html`<div class="choice" role="group" aria-label=${words("compare")} @keydown=${keys}>
    <p>${words("compare")}</p>
    <div class="buttons">
      ${button(first, words("compare_first"), "A")}${button(second, words("compare_second"), "B")}${button(null, words("compare_equal"), "E")}
      <button type="button" class="secondary" @click=${() => chat.endCompare()}>${words("compare_skip")}</button>
    </div>
  </div>`;
}
