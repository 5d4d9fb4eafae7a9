// `<attune-chat>`: puts the parts together. Read this one first; `chat.ts` tells what happens, `message.ts` how it looks.

import { html, nothing } from "lit-html";
import { Announcer } from "./announcer";
import { Api, Trouble } from "./api";
import { Chat, type Stage } from "./chat";
import { Composer, fit } from "./composer";
import { End } from "./follow";
import { down } from "./icons";
import { sanitise } from "./markdown";
import { Memory, Shelf } from "./memory";
import { turnView, waiting } from "./message";
import { noticeOf, remindedAt } from "./notice";
import { Replies } from "./reply";
import type { Extras, Host, Scene } from "./scene";
import { head, launcher, welcome } from "./shell";
import { cover, fitViewport } from "./surroundings";
import theme from "./theme.css";
import { troubleView } from "./trouble";
import type { Persona } from "./types";
import { View } from "./view";
import { english, fetchLanguage, languageOf, type Language, type Words } from "./words";

const NARROW = matchMedia("(max-width: 560px)");

/** Where `widget.js` came from: the service's address, unless `src` names another. */
export const home = { address: location.origin };

export class AttuneChat extends View {
  static readonly observedAttributes = ["persona", "src", "mode", "theme", "lang", "position", "open"];
  /** What the parts that are loaded later draw with. */
  static readonly kit = { html, nothing };

  #chat: Chat | null = null;
  #personas: Persona[] = [];
  #fault: Trouble | null = null;
  #language: Language | null = null;
  #extras: Extras | null = null;
  #undressed: ChildNode[] = [];
  #unread = false;
  #entering = 0;
  #ready: Promise<void> = Promise.resolve(); // settled when the history is there, or why it is not
  #arriving = false; // opened, with nothing yet to put the focus on
  #ticking: ReturnType<typeof setTimeout> | undefined;
  #patience: { trouble: Trouble; until: number } | null = null;
  #end: End | null = null;
  #uncover: (() => void)[] = [];
  #shelf = new Shelf("");
  readonly #lazy: Partial<Record<keyof typeof PARTS, Promise<any>>> = {};
  readonly #announcer = new Announcer(() => this.find("#status"));
  readonly #composer = new Composer(() => this.redraw(), (text) => void this.send(text), () => this.find("#draft"));
  readonly #replies = new Replies((nodes) => (this.#extras ? this.#extras.dressCode(nodes) : this.#undressed.push(...nodes)));

  constructor() {
    super(theme);
  }

  // What a host page may set and call.

  get persona(): string {
    return this.getAttribute("persona") ?? "";
  }

  set persona(name: string) {
    this.setAttribute("persona", name);
  }

  get opened(): boolean {
    return this.hasAttribute("open");
  }

  open(): void {
    this.toggleAttribute("open", true);
  }

  close(): void {
    this.toggleAttribute("open", false);
  }

  toggle(): void {
    this.toggleAttribute("open");
  }

  /** Say something as the visitor; false when it cannot be said now, and then it is in the composer. */
  async send(text: string, previous?: string | null): Promise<boolean> {
    this.open();
    this.#enter();
    await this.#ready;
    const message = text.trim();
    this.#extras?.settle();
    this.#composer.take(message);
    this.#composer.focus();
    const sent = Boolean(await this.#chat?.send(message, previous));
    if (!sent) this.#composer.putBack(message);
    return sent;
  }

  /** Begin a new conversation. */
  reset(): void {
    if (!this.#chat) return;
    this.#chat.forget();
    this.#ready = this.#sit(this.#chat.persona);
    this.#composer.focus();
  }

  // What becomes of it on the page.

  connectedCallback(): void {
    if (!this.hasAttribute("mode")) this.setAttribute("mode", "launcher");
    NARROW.addEventListener("change", this.#cover);
    void this.#learn();
    this.#enter();
    this.#cover();
  }

  disconnectedCallback(): void {
    NARROW.removeEventListener("change", this.#cover);
    this.#leave();
    this.#cover();
  }

  attributeChangedCallback(name: string, old: string | null, now: string | null): void {
    if (old === now || !this.isConnected) return;
    if (name === "lang" || name === "src") void this.#learn();
    if (name === "persona" || name === "src") this.#leave();
    this.#enter();
    this.redraw();
    if (name === "open" && (old === null) !== (now === null)) void this.drawn.then(() => this.#turned());
  }

  protected override template() {
    const language = this.#language;
    if (!language) return nothing;
    const { opened } = this;
    const launched = this.#launched;
    const theme = this.getAttribute("theme");
    const modal = launched && NARROW.matches;
    const window = launched
      ? html`<div id="window" class="window" part="window" role="dialog" aria-labelledby="title" aria-modal=${modal} tabindex="-1" ?hidden=${!opened}>
            ${opened || this.#chat ? this.#content(language.words) : nothing}</div>
          ${launcher(language.words, opened, this.#unread, () => this.toggle())}`
      : html`<section class="window" part="window" role=${this.#page ? "main" : "region"} aria-labelledby="title">${this.#content(language.words)}</section>`;
    return html`<div class="root ${theme === "light" || theme === "dark" ? theme : ""}" dir=${language.dir} @keydown=${this.#keys}>
      ${window}
      <div id="status" class="unseen" role="status" aria-live="polite"></div>
    </div>`;
  }

  protected override drew(): void {
    const log = this.find("#log");
    if (log && !this.#end) this.#end = new End(log, log.firstElementChild as HTMLElement, () => this.redraw());
    this.#composer.drew();
    fit(this.inside.querySelectorAll("textarea"));
  }

  #content(words: Words) {
    const chat = this.#chat;
    const title = this.#title;
    const extras = this.#extras;
    const anew = extras && chat?.exchanges.length ? () => extras.ask() : null;
    const chooser = chat && this.#personas.length > 1 ? extras?.chooser(words, this.#personas, chat.persona, (one) => this.#turnTo(one)) : nothing;
    return html`
      ${head(words, title, this.#page ? 1 : 2, chooser, anew, this.#launched ? () => this.close() : null)}
      <div class="main">
        <div id="log" role="log" aria-live="off" tabindex="0" aria-busy=${Boolean(chat?.busy)} aria-label=${words("conversation", { title })}>
          <div class="column content">${chat ? this.#conversation(chat, words) : this.#fault ? nothing : waiting(words("loading"))}</div>
        </div>
        <button type="button" class="jump" ?hidden=${!this.#end?.away} @click=${this.#jump}>${down()}${words("jump")}</button>
      </div>
      <footer class="foot"><div class="column">
        ${this.#notice(words, title)}
        ${chat ? this.#composer.render(words, title, chat.busy, () => void chat.stop()) : nothing}
        <slot name="footer">${chat ? html`<p class="disclosure">${words("foot")}</p>` : nothing}</slot>
      </div></footer>`;
  }

  #conversation(chat: Chat, words: Words) {
    const scene = this.#scene(chat);
    const { turns } = chat;
    const { title } = scene;
    const { start, hours } = noticeOf(chat.persona);
    if (turns.length === 0) return !chat.loading ? welcome(scene, start) : chat.notice ? nothing : waiting(words("loading"));
    void this.#loadExtras();
    const reminded = remindedAt(turns.map(({ exchange }) => exchange), hours);
    const notice = (key: "notice" | "notice_again") => html`<p class="ai">${words(key, { title })}</p>`;
    return html`${start ? notice("notice") : nothing}
      ${turns.map((turn, index) => html`${reminded.has(turn.exchange) ? notice("notice_again") : nothing}${turnView(scene, turn, index === turns.length - 1)}`)}`;
  }

  #notice(words: Words, title: string) {
    const chat = this.#chat;
    const fault = this.#fault;
    if (fault) {
      const retry = fault.passing ? () => this.#again() : null;
      return troubleView(words, title, { trouble: fault, about: "load", retry }, this.#left(fault), null);
    }
    const sure = chat && this.#extras?.sure(this.#scene(chat));
    if (sure) return sure;
    if (!chat?.notice) return nothing;
    const { trouble } = chat.notice;
    return troubleView(words, title, chat.notice, this.#left(trouble), chat.exchanges.length ? () => this.reset() : null);
  }

  #scene(chat: Chat): Scene {
    const language = this.#language!;
    return {
      chat,
      language,
      words: language.words,
      persona: chat.persona,
      title: chat.persona.title,
      replies: this.#replies,
      extras: this.#extras,
      reset: () => this.reset(),
      send: (message, previous) => void this.send(message, previous),
    };
  }

  /** What a sitting tells, and what comes of it. */
  readonly #stage: Stage = {
    show: () => this.redraw(),
    wrote: (exchange) => void this.#replies.of(exchange),
    began: () => {
      this.#announcer.replying(this.#words, this.#title);
      this.redraw();
      void this.drawn.then(() => this.#end?.go());
    },
    ended: (exchange) => {
      const { state, id, reply: text } = exchange;
      const said = { title: this.#title };
      this.#announcer.quiet();
      if (state === "complete") this.#announcer.say(this.#words("replied", said), this.#replies.textOf(exchange));
      else this.#announcer.say(this.#words(state === "cancelled" ? "stopped" : "failed", said));
      this.#unread = this.#launched && !this.opened;
      this.#tell("message", { role: "assistant", id, text, state });
    },
    took: ({ id, message: text }) => {
      this.#composer.take(text);
      this.#tell("message", { role: "user", id, text });
    },
    rated: ({ id, rating = null }, note) => {
      if (note === "saved") this.#announcer.say(this.#words(rating ? (rating.rating === "up" ? "rated_good" : "rated_bad") : "withdrawn"));
      if (note === "queued") this.#announcer.say(this.#words("queued"));
      this.#tell("rating", { id, rating, note });
    },
    failed: ({ kind, code, reference }) => {
      this.#announcer.quiet();
      this.#tell("error", { kind, code, reference });
    },
    putBack: (message) => this.#composer.putBack(message),
  };

  /** Begin to talk, once there is something to be seen of it. */
  #enter(): void {
    if (this.#chat || this.#fault || this.#entering || (this.#launched && !this.opened)) return;
    const mine = (this.#entering = Math.random());
    this.#shelf = new Shelf(`attune ${this.#address} `);
    const api = new Api(this.#address);
    const failed = (error: unknown) => {
      this.#fault = error instanceof Trouble ? error : new Trouble("unknown");
      this.#tell("error", { kind: this.#fault.kind });
    };
    const found = (personas: Persona[]) => {
      this.#personas = personas;
      const wanted = this.#shelf.read("persona");
      const persona = personas.find(({ name }) => name === wanted) ?? personas[0];
      if (!persona) return failed(new Trouble("persona"));
      if (personas.length > 1) void this.#loadExtras();
      return this.#sit(persona);
    };
    this.#ready = api
      .personas(this.persona)
      .then((personas) => (mine === this.#entering ? found(personas) : undefined), (error) => (mine === this.#entering ? failed(error) : undefined))
      .finally(() => {
        if (mine === this.#entering) this.#entering = 0;
        this.redraw();
      });
  }

  async #sit(persona: Persona): Promise<void> {
    this.#chat?.leave();
    this.#announcer.quiet();
    this.#extras?.settle();
    const memory = new Memory(this.#shelf, persona.name);
    const chat = (this.#chat = new Chat(persona, new Api(this.#address), memory, this.#stage));
    this.#composer.open(memory);
    await chat.load();
    await this.drawn;
    if (chat !== this.#chat) return;
    this.#end?.go();
    if (this.#page) document.title = `${persona.title} · Attune`;
    if (this.#arriving || this.#page) this.#focus();
    this.#tell("ready", { persona: persona.name });
  }

  #turnTo(persona: Persona): void {
    this.#shelf.write("persona", persona.name);
    this.#ready = this.#sit(persona);
    this.redraw();
  }

  #leave(): void {
    this.#entering = 0;
    this.#chat?.leave();
    this.#chat = this.#fault = null;
    this.#announcer.quiet();
    this.#end?.disconnect();
    this.#end = null;
  }

  #again(): void {
    this.#fault = null;
    this.#enter();
    this.redraw();
  }

  async #learn(): Promise<void> {
    const tag = this.lang || this.closest("[lang]")?.getAttribute("lang") || navigator.language;
    this.#language = (await fetchLanguage(tag, `${this.#address}/assets/locales`)) ?? languageOf();
    this.redraw();
  }

  /** The window was opened or closed. */
  #turned(): void {
    const { opened } = this;
    this.#cover();
    this.#unread &&= !opened;
    if (opened) this.#focus();
    else if (this.#launched) this.find("#launcher")?.focus();
    this.#arriving = opened && !this.#chat;
    this.#tell(opened ? "open" : "close");
  }

  #focus(): void {
    this.#arriving = false;
    if (NARROW.matches && this.#launched) this.find("#window")?.focus();
    else this.#composer.focus();
  }

  async #loadExtras(): Promise<void> {
    if (this.#extras || this.#lazy.extras) return;
    try {
      const part = await this.#load("extras");
      Object.assign(english, part.english);
      this.#extras = part.createExtras(this.#host) as Extras;
      this.#extras.dressCode(this.#undressed.splice(0));
      this.redraw();
    } catch {
      // One can still talk. It is tried again with the next drawing.
    }
  }

  readonly #host: Host = ((element: AttuneChat) => ({
    redraw: () => this.redraw(),
    get drawn() {
      return element.drawn;
    },
    find: (selector) => this.find(selector),
    compose: () => this.#composer.focus(),
    hold: () => this.#end?.hold(),
    tell: (words) => this.#announcer.say(words),
    words: (key, values) => this.#words(key, values),
    highlight: async (code, language) => (await this.#load("highlight")).highlight(code, language),
    sanitise,
  }))(this);

  /** Load a part of the element, with its style sheet, once. */
  #load(name: keyof typeof PARTS): Promise<any> {
    const load = async () => {
      try {
        const part = await import(`${this.#address}/assets/${name}.js?v=${PARTS[name]}`);
        this.adopt(part.css);
        return part;
      } catch (error) {
        delete this.#lazy[name];
        throw error;
      }
    };
    return (this.#lazy[name] ??= load());
  }

  /** The seconds for which the service would still like to be left alone. */
  #left(trouble: Trouble): number {
    if (!trouble.wait) return 0;
    if (this.#patience?.trouble !== trouble) this.#patience = { trouble, until: Date.now() + trouble.wait * 1000 };
    const left = Math.ceil((this.#patience.until - Date.now()) / 1000);
    clearTimeout(this.#ticking);
    if (left > 0) this.#ticking = setTimeout(() => this.redraw(), 1000);
    return Math.max(0, left);
  }

  /** On a phone the open window covers the page, which is then out of reach. */
  readonly #cover = (): void => {
    for (const undo of this.#uncover.splice(0)) undo();
    if (!this.isConnected || !NARROW.matches) return;
    const covers = this.#launched && this.opened;
    if (covers) this.#uncover.push(cover(this));
    if (covers) this.#uncover.push(fitViewport(() => this.find(".root")));
  };

  readonly #keys = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || event.isComposing || !this.#launched || !this.opened) return;
    event.stopPropagation();
    this.close();
  };

  readonly #jump = (): void => {
    this.#end?.go();
    this.find("#log")?.focus({ preventScroll: true });
  };

  get #launched(): boolean {
    return !["inline", "page"].includes(this.getAttribute("mode") ?? "");
  }

  get #page(): boolean {
    return this.getAttribute("mode") === "page";
  }

  get #address(): string {
    return (this.getAttribute("src") || home.address).replace(/\/+$/, "");
  }

  get #title(): string {
    return this.#chat?.persona.title ?? this.persona;
  }

  readonly #words: Words = (key, values) => (this.#language ?? languageOf()).words(key, values);

  #tell(name: string, detail: Record<string, unknown> = {}): void {
    this.dispatchEvent(new CustomEvent(`attune-${name}`, { detail, bubbles: true, composed: true }));
  }
}
