// What stands above the composer when something did not work: what it is, that nothing is lost, and the way out.

import { html, nothing } from "lit";
import type { Notice } from "./chat";
import type { Scene } from "./scene";

/** `left` is how many seconds the service would still like to be left alone. */
export function troubleView(scene: Scene, { trouble, about, retry }: Notice, left: number) {
  const { words, title } = scene;
  const sent = about === "send";
  const text = about === "stop" ? words("not_stopped") : words(trouble.kind, { title });
  const gone = trouble.kind === "auth" && scene.chat.exchanges.length > 0;
  const label = sent ? "send_again" : "again";
  return html`<div class="notice" part="notice" role="alert">
    <p>${text}${sent ? html` ${words("kept")}` : nothing}
      ${trouble.kind === "unknown" && trouble.reference ? html`<small>${words("reference", { reference: trouble.reference })}</small>` : nothing}</p>
    ${gone ? html`<button type="button" class="link" @click=${scene.reset}>${words("new_begin")}</button>` : nothing}
    ${retry && !gone
      ? html`<button type="button" class="link" ?disabled=${left > 0} @click=${retry}>${words(label)}${left > 0
          ? html`<span aria-hidden="true"> ${words("in_seconds", { seconds: left })}</span>`
          : nothing}</button>`
      : nothing}
  </div>`;
}

/** The same place asks whether a person is sure to begin anew. */
export function sureView({ words }: Scene, yes: () => void, no: () => void) {
  return html`<div class="notice calm" role="group" aria-label=${words("new")}>
    <p>${words("new_sure")}</p>
    <button type="button" class="link" id="sure" @click=${yes}>${words("new_begin")}</button>
    <button type="button" class="link" @click=${no}>${words("keep")}</button>
  </div>`;
}
