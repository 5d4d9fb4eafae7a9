// What can be done about a turn, loaded once there is one: copy, rate, ask again, page, edit, choose, begin anew. And the choice
// of a persona, where there are several.

import { html, nothing, type TemplateResult } from "lit-html";
import type { Chat } from "./chat";
import { copyText } from "./clipboard";
import { dressCode } from "./code";
import { compare } from "./compare";
import { editor } from "./editor";
import { again, copy, done, edit } from "./icons";
import { pager } from "./pager";
import { panel } from "./panel";
import { afterThumbs, thumbs } from "./rating";
import { Ratings } from "./ratings";
import type { Extras, Host, Scene } from "./scene";
import { isDead, type Turn } from "./thread";
import type { Exchange, Persona } from "./types";
import type { Words } from "./words";

export { default as css } from "./extras.css";
export { default as english } from "./locales/en.extras.json";

const COPIED = 2_000; // milliseconds for which a copy is confirmed

/** What the parts of it know, besides the scene: what is open, and how to open and close it. */
export interface Desk {
  editing: string | null;
  about: string | null;
  copied: string | null;
  edit(exchange: Exchange | null): void;
  /** Open or close the panel about a reply; `focus` moves into it, or back out of it. */
  tell(exchange: Exchange | null, focus?: boolean): void;
  choose(scene: Scene, exchange: Exchange): void;
  copy(text: string, id?: string): Promise<void>;
  ratings(chat: Chat): Ratings;
}

export function createExtras(host: Host): Extras {
  const ratings = new WeakMap<Chat, Ratings>();
  let asking = false;

  const desk: Desk = {
    editing: null,
    about: null,
    copied: null,
    edit(exchange) {
      desk.editing = exchange?.id ?? null;
      redrawn(() => {
        const area = host.find(".editor textarea");
        if (area) area.focus();
        else host.compose();
      });
    },
    tell(exchange, focus = false) {
      const before = desk.about;
      desk.about = exchange?.id ?? null;
      if (exchange) host.hold();
      redrawn(() => {
        const panel = host.find(".panel");
        panel?.scrollIntoView({ block: "nearest" });
        if (focus && panel) panel.querySelector<HTMLElement>("input, textarea")?.focus();
        if (focus && !panel && before) host.find(".more")?.focus();
      });
    },
    choose({ chat }, exchange) {
      desk.editing = desk.about = null;
      chat.choose(exchange);
    },
    ratings(chat) {
      const found = ratings.get(chat) ?? new Ratings(chat);
      ratings.set(chat, found);
      return found;
    },
    async copy(text, id) {
      if (!(await copyText(text))) return;
      host.tell(host.words("copied"));
      desk.copied = id ?? null;
      host.redraw();
      setTimeout(() => {
        desk.copied = null;
        host.redraw();
      }, COPIED);
    },
  };

  function redrawn(then: () => void): void {
    host.redraw();
    void host.drawn.then(then);
  }

  function ask(yes: boolean): void {
    asking = yes;
    redrawn(() => (yes ? host.find("#sure")?.focus() : host.compose()));
  }

  return {
    message: (scene, turn, said) => (desk.editing === turn.exchange.id ? editor(scene, desk, turn.exchange) : message(scene, desk, turn, said)),
    reply(scene, turn) {
      desk.ratings(scene.chat); // also when none is given, one of an earlier visit may be on its way
      return reply(scene, desk, turn);
    },
    compare,
    chooser,
    sure: (scene) => (asking ? sure(scene, () => ask(false)) : null),
    ask: () => ask(true),
    settle() {
      asking = false;
      desk.editing = desk.about = null;
    },
    dressCode: (nodes) => dressCode(nodes, host, (text) => void desk.copy(text)),
  };
}

function message(scene: Scene, desk: Desk, { exchange, wordings }: Turn, said: TemplateResult) {
  const { words, chat } = scene;
  const label = words("edit");
  return html`<div class="said">${said}
    <div class="actions">
      <button type="button" class="icon quiet" aria-label=${label} title=${label} ?disabled=${chat.busy} @click=${() => desk.edit(exchange)}>${edit()}</button>
      ${pager(words, wordings, exchange, "message_n", (one) => desk.choose(scene, one))}
    </div></div>`;
}

function reply(scene: Scene, desk: Desk, { exchange, replies }: Turn) {
  const { words, chat } = scene;
  const complete = exchange.state === "complete";
  const copied = desk.copied === exchange.id;
  if (exchange.state === "open" || (isDead(exchange) && replies.length < 2)) return nothing;
  return html`<div class="actions">
      ${complete ? thumbs(scene, desk, exchange) : nothing}
      <button type="button" class="icon" aria-label=${words(copied ? "copied" : "copy")} title=${words("copy")}
        @click=${() => desk.copy(exchange.reply, exchange.id)}>${copied ? done() : copy()}</button>
      ${complete
        ? html`<button type="button" class="icon" aria-label=${words("another")} title=${words("another")} ?disabled=${chat.busy}
            @click=${() => chat.regenerate(exchange)}>${again()}</button>`
        : nothing}
      ${pager(words, replies, exchange, "reply_n", (one) => desk.choose(scene, one))} ${complete ? afterThumbs(scene, desk, exchange) : nothing}
    </div>
    ${panel(scene, desk, exchange)}`;
}

function chooser(words: Words, personas: Persona[], current: Persona, choose: (persona: Persona) => void) {
  return html`<fieldset class="segments"><legend class="unseen">${words("who")}</legend>
    ${personas.map(
      (persona) => html`<label class="segment">
        <input type="radio" name="persona" .checked=${persona.name === current.name} @change=${() => choose(persona)} /><span>${persona.title}</span></label>`,
    )}</fieldset>`;
}

function sure({ words, reset }: Scene, keep: () => void) {
  return html`<div class="notice calm" role="group" aria-label=${words("new")}>
    <p>${words("new_sure")}</p>
    <button type="button" class="link" id="sure" @click=${reset}>${words("new_begin")}</button>
    <button type="button" class="link" @click=${keep}>${words("keep")}</button>
  </div>`;
}
