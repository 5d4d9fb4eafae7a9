// `<attune-chat>`: puts the parts together. Read this one first; `chat.ts` tells what happens, `message.ts` how it looks.

import { LitElement, html, nothing, unsafeCSS, type PropertyValues } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { Announcer } from "./announcer";
import { Api, Trouble } from "./api";
import { Chat, type Stage } from "./chat";
import { dressCode, type Highlighter } from "./code";
import { Composer, fit } from "./composer";
import type { Extras } from "./extras";
import { End } from "./follow";
import { icons } from "./icons";
import { Memory, Shelf } from "./memory";
import { turnView } from "./message";
import { noticeOf, remindedAt } from "./notice";
import { Replies } from "./reply";
import type { Scene } from "./scene";
import { head, launcher, welcome } from "./shell";
import { copyText, cover, fitViewport } from "./surroundings";
import theme from "./theme.css";
import { keyOf } from "./thread";
import { sureView, troubleView } from "./trouble";
import type { Exchange, Persona } from "./types";
import { fetchLanguage, languageOf, type Language } from "./words";

const NARROW = matchMedia("(max-width: 560px)");
const COPIED = 2_000; // milliseconds for which a copy is confirmed

/** Where `widget.js` came from: the service's address, unless `src` names another. */
export const home = { address: location.origin };

export class AttuneChat extends LitElement {
  static override styles = unsafeCSS(theme);
  static override properties = {
    persona: {},
    src: {},
    mode: { reflect: true },
    theme: {},
    lang: {},
    position: { reflect: true },
    opened: { type: Boolean, attribute: "open", reflect: true },
  };

  declare persona: string;
  declare src: string;
  declare mode: "launcher" | "inline" | "page";
  declare theme: "auto" | "light" | "dark";
  declare lang: string;
  declare position: "start" | "end";
  declare opened: boolean;

  private chat: Chat | null = null;
  private personas: Persona[] = [];
  private fault: Trouble | null = null;
  private language: Language | null = null;
  private extras: Extras | null = null;
  private lazy: Partial<Record<keyof typeof PARTS, Promise<any>>> = {};
  private editing: string | null = null;
  private about: string | null = null;
  private copied: string | null = null;
  private sure = true;
  private unread = false;
  private entering = 0;
  private patience: { trouble: Trouble; until: number } | null = null;
  private end: End | null = null;
  private uncover: (() => void)[] = [];
  private readonly announcer = new Announcer(() => this.find("#status"));
  private readonly composer = new Composer(this, (text) => void this.send(text), () => this.find("#draft"));
  private readonly replies = new Replies((nodes) =>
    dressCode(nodes, {
      label: () => this.say("copy_code"),
      copy: (text) => void this.copy(text),
      highlighter: () => this.load("highlight").then((part) => part.highlighter as Highlighter),
    }),
  );

  constructor() {
    super();
    this.persona = this.src = this.lang = "";
    this.mode = "launcher";
    this.theme = "auto";
    this.position = "end";
    this.opened = false;
  }

  // What a host page may call.

  open(): void {
    this.opened = true;
  }

  close(): void {
    this.opened = false;
  }

  toggle(): void {
    this.opened = !this.opened;
  }

  /** Say something as the visitor; false when it cannot be said now, and then it is in the composer. */
  async send(text: string, previous?: string | null): Promise<boolean> {
    this.open();
    await this.updateComplete;
    const message = text.trim();
    const { chat } = this;
    if (!chat || chat.busy || chat.loading) {
      this.composer.putBack(message);
      return false;
    }
    this.sure = true;
    this.about = null;
    this.composer.take(message);
    this.composer.focus();
    return chat.send(message, previous);
  }

  /** Begin a new conversation. */
  reset(): void {
    if (!this.chat) return;
    this.chat.forget();
    this.sit(this.chat.persona);
    this.composer.focus();
  }

  // What becomes of it on the page.

  override connectedCallback(): void {
    super.connectedCallback();
    NARROW.addEventListener("change", this.covering);
    if (this.hasUpdated) void this.enter();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    NARROW.removeEventListener("change", this.covering);
    this.leave();
    this.covering();
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("lang") || changed.has("src") || !this.language) void this.learn();
    const shown = this.mode !== "launcher" || this.opened;
    const elsewhere = this.chat && (changed.has("persona") || changed.has("src"));
    if (elsewhere) this.leave();
    if (shown && !this.chat && !this.fault && !this.entering) void this.enter();
  }

  protected override updated(changed: PropertyValues<this>): void {
    const log = this.find<HTMLElement>("#log");
    if (log && !this.end) this.end = new End(log, log.firstElementChild as HTMLElement, () => this.requestUpdate());
    fit(this.renderRoot.querySelectorAll("textarea"));
    if (!changed.has("opened") && !changed.has("mode")) return;
    this.covering();
    if (changed.get("opened") === undefined && !this.opened) return;
    this.unread &&= !this.opened;
    if (this.opened) this.enterFocus();
    else if (this.contains(document.activeElement) || document.activeElement === document.body) this.find<HTMLElement>("#launcher")?.focus();
    this.tell(this.opened ? "open" : "close");
  }

  protected override render() {
    const { language, mode, opened } = this;
    if (!language) return nothing;
    const scheme = { light: "light", dark: "dark" }[this.theme as string] ?? "auto";
    const modal = mode === "launcher" && NARROW.matches;
    return html`<div class="root ${scheme}" dir=${language.dir} part="root" @keydown=${this.keys}>
      ${mode === "launcher"
        ? html`<div id="window" class="window" part="window" role="dialog" aria-labelledby="title" aria-modal=${modal} tabindex="-1" ?hidden=${!opened}>
              ${this.chat || opened ? this.inside(language) : nothing}
            </div>
            ${launcher(language.words, opened, this.unread, () => this.toggle())}`
        : html`<section class="window" part="window" aria-labelledby="title">${this.inside(language)}</section>`}
      <div id="status" class="unseen" role="status" aria-live="polite"></div>
    </div>`;
  }

  private inside(language: Language) {
    const { chat } = this;
    const { words } = language;
    const scene = chat && this.scene(chat, language);
    return html`
      ${head(words, {
        title: chat?.persona.title ?? "",
        personas: this.persona ? [] : this.personas,
        current: chat?.persona.name ?? "",
        choose: (persona) => this.turnTo(persona),
        anew: chat?.exchanges.length ? () => this.ask(false) : null,
        close: this.mode === "launcher" ? () => this.close() : null,
      })}
      <div class="main">
        <div id="log" role="log" aria-live="off" tabindex="0" aria-busy=${Boolean(chat?.busy)}
          aria-label=${words("conversation", { title: this.name })}>
          <div class="column content">${scene ? this.conversation(scene) : this.fault ? nothing : this.waiting(words)}</div>
        </div>
        <button type="button" class="jump" part="jump" ?hidden=${!this.end || this.end.following} @click=${this.jump}>${icons.down}${words("jump")}</button>
      </div>
      <footer class="foot" part="footer"><div class="column">
        ${this.trouble(scene, words)}
        ${chat ? this.composer.render(words, this.name, chat.busy, () => void chat.stop()) : nothing}
        <slot name="footer"><p class="disclosure">${chat ? words("foot") : nothing}</p></slot>
      </div></footer>`;
  }

  private conversation(scene: Scene) {
    const { chat, words, title, persona } = scene;
    const { turns } = chat;
    const { start, hours } = noticeOf(persona);
    if (turns.length === 0) return chat.loading ? (chat.notice ? nothing : this.waiting(words)) : welcome(scene, start);
    const reminded = remindedAt(turns.map(({ exchange }) => exchange), hours);
    return html`
      ${start ? html`<p class="ai">${words("notice", { title })}</p>` : nothing}
      ${repeat(turns, ({ exchange }) => keyOf(exchange), (turn, index) => html`
        ${reminded.has(turn.exchange) ? html`<p class="ai">${words("notice_again", { title })}</p>` : nothing}
        ${turnView(scene, turn, index === turns.length - 1)}`)}`;
  }

  private waiting(words: Language["words"]) {
    return html`<p class="state waiting alone"><i></i><i></i><i></i><span>${words("loading")}</span></p>`;
  }

  private trouble(scene: Scene | null, words: Language["words"]) {
    const { fault, chat } = this;
    if (fault) {
      const retry = fault.passing ? () => this.again() : null;
      const bare = { words, title: this.name, chat: { exchanges: [] } } as unknown as Scene;
      return troubleView(bare, { trouble: fault, about: "load", retry }, this.left(fault));
    }
    if (scene && !this.sure) return sureView(scene, () => this.reset(), () => this.ask(true));
    return scene && chat?.notice ? troubleView(scene, chat.notice, this.left(chat.notice.trouble)) : nothing;
  }

  private scene(chat: Chat, language: Language): Scene {
    const { editing, about, copied, extras, replies } = this;
    return {
      chat, language, editing, about, copied, extras, replies,
      persona: chat.persona,
      title: chat.persona.title,
      words: language.words,
      reset: () => this.reset(),
      edit: (exchange) => this.edit(exchange),
      tell: (exchange, focus) => void this.showPanel(exchange, focus),
      copy: (exchange) => void this.copy(exchange.reply, exchange.id),
      rate: (exchange, rating) => chat.rate(exchange, rating),
      send: (message, previous) => void this.send(message, previous),
      load: () => void this.loadExtras(),
    };
  }

  /** What a sitting tells, and what comes of it. */
  private stage(): Stage {
    const title = () => this.name;
    return {
      show: () => this.requestUpdate(),
      wrote: (exchange) => void this.replies.of(exchange),
      began: () => {
        this.announcer.replying(this.say, title());
        if (this.chat?.compare) void this.loadExtras();
        void this.updateComplete.then(() => this.end?.go());
      },
      ended: (exchange) => {
        const { state, id, reply: text } = exchange;
        this.announcer.quiet();
        if (state === "complete") this.announcer.say(this.say("replied", { title: title() }), this.replies.textOf(exchange));
        else this.announcer.say(this.say(state === "cancelled" ? "stopped" : "failed", { title: title() }));
        this.unread = this.mode === "launcher" && !this.opened;
        this.tell("message", { role: "assistant", id, text, state });
      },
      took: ({ id, message: text }) => {
        this.composer.take(text);
        this.tell("message", { role: "user", id, text });
      },
      rated: ({ id, rating }, note) => {
        if (note === "queued") this.announcer.say(this.say("queued"));
        if (note === "saved") this.announcer.say(this.say(rating ? (rating.rating === "up" ? "rated_good" : "rated_bad") : "withdrawn"));
        this.tell("rating", { id, rating: rating ?? null, note });
      },
      failed: ({ kind, code, reference }) => {
        this.announcer.quiet();
        this.tell("error", { kind, code, reference });
      },
      putBack: (message) => this.composer.putBack(message),
    };
  }

  /** Find out who there is to talk with. */
  private async enter(): Promise<void> {
    const mine = ++this.entering;
    const api = new Api(this.address);
    try {
      this.personas = this.persona ? [await api.persona(this.persona)] : await api.personas();
    } catch (error) {
      if (mine === this.entering) this.fault = error instanceof Trouble ? error : new Trouble("unknown");
    }
    if (mine !== this.entering) return;
    this.entering = 0;
    const wanted = this.shelf.read("persona");
    const persona = this.personas.find(({ name }) => name === wanted) ?? this.personas[0];
    if (persona && !this.fault) this.sit(persona);
    else this.fault ??= new Trouble("persona");
    if (this.fault) this.tell("error", { kind: this.fault.kind });
    this.requestUpdate();
  }

  private sit(persona: Persona): void {
    this.chat?.leave();
    this.announcer.quiet();
    const memory = new Memory(this.shelf, persona.name);
    const chat = new Chat(persona, new Api(this.address), memory, this.stage());
    this.chat = chat;
    this.editing = this.about = null;
    this.sure = true;
    this.composer.open(memory);
    void chat.load().then(async () => {
      await this.updateComplete;
      if (chat !== this.chat) return;
      this.end?.go();
      this.tell("ready", { persona: persona.name });
    });
  }

  private turnTo(persona: Persona): void {
    this.shelf.write("persona", persona.name);
    this.sit(persona);
  }

  private again(): void {
    this.fault = null;
    this.requestUpdate();
  }

  private leave(): void {
    this.entering = 0;
    this.chat?.leave();
    this.chat = this.fault = null;
    this.announcer.quiet();
    this.end?.disconnect();
    this.end = null;
  }

  private async learn(): Promise<void> {
    const tag = this.lang || this.closest("[lang]")?.getAttribute("lang") || navigator.language;
    this.language = (await fetchLanguage(tag, `${this.address}/assets/locales`)) ?? languageOf();
    this.requestUpdate();
  }

  private edit(exchange: Exchange | null): void {
    this.editing = exchange?.id ?? null;
    this.requestUpdate();
    void this.updateComplete.then(() => {
      const area = this.find<HTMLTextAreaElement>(".editor textarea");
      if (area) area.focus();
      else this.composer.focus();
    });
  }

  private async showPanel(exchange: Exchange | null, focus = false): Promise<void> {
    const before = this.about;
    this.about = exchange?.id ?? null;
    if (exchange) this.end?.hold();
    this.requestUpdate();
    if (exchange) await this.loadExtras();
    await this.updateComplete;
    const panel = this.find(".panel");
    panel?.scrollIntoView({ block: "nearest" });
    if (focus && panel) panel.querySelector<HTMLElement>("input, textarea")?.focus();
    if (focus && !panel && before) this.find<HTMLElement>(".more")?.focus();
  }

  private async loadExtras(): Promise<void> {
    if (this.extras) return;
    try {
      const { createExtras } = await this.load("extras");
      this.extras = createExtras({ html, nothing }) as Extras;
    } catch {
      this.about = null;
      this.announcer.say(this.say("part_missing"));
    }
    this.requestUpdate();
  }

  /** Load a part of the element, with its style sheet, once. */
  private load(name: keyof typeof PARTS): Promise<any> {
    return (this.lazy[name] ??= import(`${this.address}/assets/${name}.js?v=${PARTS[name]}`).then(
      (part) => {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync((part.css as string) ?? "");
        this.shadowRoot!.adoptedStyleSheets.push(sheet);
        return part;
      },
      (error) => {
        delete this.lazy[name];
        throw error;
      },
    ));
  }

  private async copy(text: string, id: string | null = null): Promise<void> {
    if (!(await copyText(text))) return;
    this.announcer.say(this.say("copied"));
    this.copied = id;
    this.requestUpdate();
    setTimeout(() => {
      this.copied = null;
      this.requestUpdate();
    }, COPIED);
  }

  private ask(sure: boolean): void {
    this.sure = sure;
    this.requestUpdate();
    void this.updateComplete.then(() => (sure ? this.composer.focus() : this.find<HTMLElement>("#sure")?.focus()));
  }

  /** The seconds for which the service would still like to be left alone. */
  private left(trouble: Trouble): number {
    if (!trouble.wait) return 0;
    if (this.patience?.trouble !== trouble) this.patience = { trouble, until: Date.now() + trouble.wait * 1000 };
    const left = Math.max(0, Math.ceil((this.patience.until - Date.now()) / 1000));
    if (left > 0) setTimeout(() => this.requestUpdate(), 1000);
    return left;
  }

  private enterFocus(): void {
    if (NARROW.matches && this.mode === "launcher") this.find<HTMLElement>("#window")?.focus();
    else this.composer.focus();
  }

  /** On a phone the open window covers the page, which is then out of reach. */
  private readonly covering = (): void => {
    for (const undo of this.uncover.splice(0)) undo();
    if (!this.isConnected || !NARROW.matches) return;
    const covers = this.mode === "launcher" && this.opened;
    if (covers) this.uncover.push(cover(this));
    if (covers || this.mode === "page") this.uncover.push(fitViewport(() => this.find(".root")));
  };

  private readonly keys = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || event.isComposing || this.mode !== "launcher" || !this.opened) return;
    event.stopPropagation();
    this.close();
  };

  private readonly jump = (): void => {
    this.end?.go();
    this.find<HTMLElement>("#log")?.focus({ preventScroll: true });
  };

  private get address(): string {
    return (this.src || home.address).replace(/\/+$/, "");
  }

  private get shelf(): Shelf {
    return (this.shelves[this.address] ??= new Shelf(`attune ${this.address} `));
  }

  private readonly shelves: Record<string, Shelf> = {};

  private get name(): string {
    return this.chat?.persona.title ?? this.persona;
  }

  private readonly say: Language["words"] = (key, values) => (this.language ?? languageOf()).words(key, values);

  private find<T extends Element>(selector: string): T | null {
    return this.renderRoot.querySelector<T>(selector);
  }

  private tell(name: string, detail: Record<string, unknown> = {}): void {
    this.dispatchEvent(new CustomEvent(`attune-${name}`, { detail, bubbles: true, composed: true }));
  }
}
