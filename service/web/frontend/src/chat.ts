// One sitting with one persona: what was said, what is being said, and what a person does about it. Knows nothing of how it looks.

import { kindOf, Trouble, type Api } from "./api";
import type { Memory } from "./memory";
import { follow, type StreamEvent } from "./stream";
import { arrange, isDead, keyOf, parentOf, type Turn } from "./thread";
import type { Compare, Conversation, Exchange, Persona } from "./types";

/** Who shows it. */
export interface Stage {
  /** Something changed and is to be shown. */
  show(): void;
  /** The reply of this exchange has grown. */
  wrote(exchange: Exchange): void;
  /** A reply has begun, or ended. */
  began(exchange: Exchange): void;
  ended(exchange: Exchange): void;
  /** A message was taken by the service. */
  took(exchange: Exchange): void;
  rated(exchange: Exchange, note: RatingNote): void;
  failed(trouble: Trouble): void;
  /** Put what was not sent back into the composer. */
  putBack(message: string): void;
}

/** What became of a rating. */
export type RatingNote = "saved" | "queued" | "refused";

/** A reply being written. */
interface Live {
  exchange: Exchange;
  accepted: boolean;
  stopping: boolean;
  dropped: boolean;
}

/** Something did not work; `retry` is the way out where there is one. */
export interface Notice {
  trouble: Trouble;
  about: "load" | "send" | "again" | "stop";
  retry: (() => void) | null;
}

export class Chat {
  loading = true;
  exchanges: Exchange[] = [];
  notice: Notice | null = null;
  compare: Compare | null = null;
  /** Put over what the service says what is still on its way to it. */
  overlay: (exchanges: Exchange[]) => void = () => {};
  readonly #chosen = new Map<string, string>();
  readonly #lives: Live[] = [];
  readonly #leaving = new AbortController();
  conversation: Conversation | null;
  #loaded: Promise<void> = Promise.resolve();

  constructor(
    readonly persona: Persona,
    readonly api: Api,
    readonly memory: Memory,
    readonly stage: Stage,
  ) {
    this.conversation = memory.conversation;
    addEventListener("online", () => this.#online(), { signal: this.signal });
    this.signal.addEventListener("abort", memory.whenTouched(() => void this.#refresh()));
  }

  get turns(): Turn[] {
    return arrange(this.exchanges, this.#chosen);
  }

  get busy(): boolean {
    return this.#lives.length > 0;
  }

  /** Aborts when the sitting is left. */
  get signal(): AbortSignal {
    return this.#leaving.signal;
  }

  liveOf(exchange: Exchange): Live | undefined {
    return this.#lives.find((live) => live.exchange === exchange);
  }

  /** Leave the sitting. A reply that is being written goes on at the service, and is found again later. */
  leave(): void {
    this.#leaving.abort();
  }

  /** Show what was said before. */
  load(): Promise<void> {
    this.#loaded = this.#loadHistory();
    return this.#loaded;
  }

  /** Say something; `previous` is what it follows, and what is shown last where it is left out. False: not now. */
  async send(message: string, previous?: string | null): Promise<boolean> {
    await this.#loaded;
    if (this.busy || this.loading || !message.trim()) return false;
    this.notice = this.compare = null;
    const last = this.turns.findLast(({ exchange }) => !isDead(exchange))?.exchange;
    const newest = this.exchanges.findLast((exchange) => !isDead(exchange));
    const explicit = previous === undefined && last !== newest ? last?.id : previous;
    const exchange = this.#introduce(message, previous === undefined ? (last?.id ?? null) : previous);
    this.memory.pending = message;
    void this.#listen(exchange, async () => this.api.say(await this.#begin(), message, explicit, this.signal), {
      refused: (trouble) => this.#sendRefused(exchange, previous, trouble),
    });
    return true;
  }

  /** Ask for another answer to the same message. */
  regenerate(before: Exchange): void {
    if (this.busy || !this.conversation) return;
    this.notice = this.compare = null;
    const { token } = this.conversation;
    const exchange = this.#introduce(before.message, before.previous);
    void this.#listen(exchange, () => this.api.regenerate(before.id, token, this.signal), {
      refused: (trouble) => {
        this.#chosen.set(parentOf(before), keyOf(before));
        this.#fail({ trouble, about: "again", retry: () => this.regenerate(before) });
      },
    });
  }

  /** Turn to another reply or another wording of a message. */
  choose(exchange: Exchange): void {
    this.#chosen.set(parentOf(exchange), keyOf(exchange));
    this.stage.show();
  }

  /** Stop what is being written. */
  async stop(): Promise<void> {
    for (const live of [...this.#lives]) {
      live.stopping = true;
      if (!live.accepted) continue; // it is stopped as soon as the service has named it
      try {
        await this.api.cancel(live.exchange.id, this.conversation!.token);
      } catch (error) {
        const trouble = this.#troubleOf(error);
        if (trouble && this.#lives.includes(live)) this.#fail({ trouble, about: "stop", retry: () => void this.stop() });
      }
    }
  }

  /** Look up what became of a reply that was lost. */
  async find(exchange: Exchange): Promise<void> {
    if (this.busy || !this.conversation) return;
    const { token } = this.conversation;
    try {
      Object.assign(exchange, await this.api.exchange(exchange.id, token, this.signal));
      if (exchange.state === "open") void this.#resume(exchange);
      else this.stage.ended(exchange);
      this.stage.show();
    } catch (error) {
      const trouble = this.#troubleOf(error);
      if (trouble) this.#fail({ trouble, about: "load", retry: trouble.kind === "auth" ? null : () => void this.find(exchange) });
    }
  }

  /** Say which of two replies is the better one; null says that they are alike. */
  async prefer(id: string | null): Promise<void> {
    const { compare } = this;
    const conversation = this.conversation;
    if (!compare || !conversation) return;
    const [chosen, over] = id === compare.order[1] ? [...compare.order].reverse() : compare.order;
    const exchange = this.exchanges.find((one) => one.id === chosen);
    if (id && exchange) this.#chosen.set(parentOf(exchange), keyOf(exchange));
    this.endCompare();
    try {
      await this.api.prefer(chosen, over, id === null, conversation.token);
      await this.#refresh(); // the choice is a rating of both
    } catch (error) {
      const trouble = this.#troubleOf(error);
      if (trouble) this.#fail({ trouble, about: "load", retry: null });
    }
  }

  /** No choice is asked for any more. */
  endCompare(): void {
    this.compare = null;
    this.stage.show();
  }

  /** Begin a new conversation; the old one stays with the service only. */
  forget(): void {
    this.memory.conversation = this.conversation = null;
    this.exchanges = [];
    this.#chosen.clear();
    this.notice = this.compare = null;
    this.memory.touch();
    this.stage.show();
  }

  dismiss(): void {
    this.notice = null;
    this.stage.show();
  }

  async #loadHistory(): Promise<void> {
    this.loading = true;
    this.notice = null;
    this.stage.show();
    try {
      await this.#read();
      this.loading = false;
      this.#takeBackPending();
    } catch (error) {
      const trouble = this.#troubleOf(error);
      if (!trouble) return;
      this.loading = trouble.kind !== "auth";
      if (trouble.kind === "auth") this.forget();
      this.#fail({ trouble, about: "load", retry: trouble.kind === "auth" ? null : () => void this.load() });
      if (trouble.kind === "auth") this.#takeBackPending();
    }
    this.stage.show();
  }

  /** Another tab did something. */
  async #refresh(): Promise<void> {
    if (this.busy) return;
    this.conversation = this.memory.conversation;
    await this.#read().catch(() => {});
    this.stage.show();
  }

  async #read(): Promise<void> {
    const known = this.conversation ? await this.api.exchanges(this.conversation, this.signal) : [];
    this.exchanges = known.map((exchange) => ({ ...exchange, key: this.exchanges.find(({ id }) => id === exchange.id)?.key }));
    this.overlay(this.exchanges);
    for (const exchange of this.exchanges) if (exchange.state === "open") void this.#resume(exchange);
  }

  /** A message that was under way when the page was left, and never reached the service, is a draft again. */
  #takeBackPending(): void {
    const { pending } = this.memory;
    this.memory.pending = "";
    if (pending && this.exchanges.at(-1)?.message !== pending) this.stage.putBack(pending);
  }

  /** The conversation, begun where there is none, by one tab only. */
  #begin(): Promise<Conversation> {
    if (this.conversation) return Promise.resolve(this.conversation);
    return this.memory.alone(async () => {
      const { id, token } = this.memory.conversation ?? (await this.api.begin(this.persona.name));
      this.conversation = this.memory.conversation = { id, token };
      return this.conversation;
    });
  }

  #introduce(message: string, previous: string | null): Exchange {
    const key = `new-${Date.now()}-${Math.random()}`;
    const created_at = new Date().toISOString();
    const exchange: Exchange = { id: key, key, previous, message, reply: "", state: "open", error: null, created_at };
    this.exchanges = [...this.exchanges, exchange];
    this.#chosen.set(parentOf(exchange), key);
    return exchange;
  }

  #resume(exchange: Exchange): Promise<void> {
    exchange.reply = "";
    return this.#listen(exchange, () => this.api.resume(exchange.id, 0, this.conversation!.token, this.signal), {});
  }

  async #listen(exchange: Exchange, open: () => Promise<Response>, on: { refused?: (trouble: Trouble) => void }): Promise<void> {
    const live: Live = { exchange, accepted: !on.refused, stopping: false, dropped: false };
    this.#lives.push(live);
    this.stage.began(exchange);
    this.stage.show();
    try {
      const source = {
        open,
        resume: (id: string, last: number) => this.api.resume(id, last, this.conversation!.token, this.signal),
        dropped: () => this.#drop(live, true),
        resumed: () => this.#drop(live, false),
        signal: this.signal,
      };
      for await (const event of follow(live.accepted ? exchange.id : null, source)) this.#take(live, event);
    } catch (error) {
      this.#end(live);
      const trouble = this.#troubleOf(error);
      if (!trouble) return;
      if (live.accepted) await this.find(exchange);
      else {
        this.exchanges = this.exchanges.filter((one) => one !== exchange);
        on.refused?.(trouble);
      }
    }
  }

  #take(live: Live, { name, data }: StreamEvent): void {
    const { exchange } = live;
    const changed = !exchange.reply;
    if (name === "exchange") this.#accept(live, data);
    if (name === "delta") {
      exchange.reply += data.text;
      this.stage.wrote(exchange);
    }
    if (name === "done" || name === "error") {
      exchange.state = data.state ?? "failed";
      exchange.error = data.error?.code ?? null;
      this.#end(live);
      this.memory.touch();
      this.stage.ended(exchange);
      if (name === "error") this.stage.failed(new Trouble(kindOf(502, exchange.error ?? ""), null, "", exchange.error ?? ""));
    }
    if (changed || name !== "delta") this.stage.show();
  }

  /** The service has the message: it is no longer the page's to keep. */
  #accept(live: Live, data: StreamEvent["data"]): void {
    const { exchange } = live;
    exchange.card = data.card ?? exchange.card;
    if (live.accepted) return;
    live.accepted = true;
    exchange.id = data.id;
    this.memory.pending = "";
    this.memory.touch();
    this.stage.took(exchange);
    if (data.compare) this.#beside(exchange, data.compare);
    if (live.stopping) void this.stop();
  }

  /** The service writes a second reply to the same message, to choose from. */
  #beside(exchange: Exchange, compare: Compare): void {
    const other: Exchange = { ...exchange, id: compare.other, key: undefined, reply: "", card: null };
    this.exchanges = [...this.exchanges, other];
    this.compare = compare;
    void this.#resume(other);
  }

  #drop(live: Live, dropped: boolean): void {
    if (live.dropped === dropped) return;
    live.dropped = dropped;
    this.stage.show();
  }

  #end(live: Live): void {
    this.#lives.splice(this.#lives.indexOf(live), 1);
  }

  #sendRefused(exchange: Exchange, previous: string | null | undefined, trouble: Trouble): void {
    this.memory.pending = "";
    this.stage.putBack(exchange.message);
    const retry = trouble.passing ? () => void this.#sendAgain(exchange.message, previous, trouble) : null;
    this.#fail({ trouble, about: "send", retry });
  }

  /** Send it again; but when the service was not reached, look first whether it took the message after all. */
  async #sendAgain(message: string, previous: string | null | undefined, trouble: Trouble): Promise<void> {
    const known = new Set(this.exchanges.map(({ id }) => id));
    if (trouble.kind === "unreachable" || trouble.kind === "offline") {
      await this.#refresh();
      const newest = this.exchanges.at(-1);
      if (newest && newest.message === message && !known.has(newest.id)) {
        this.notice = null;
        this.stage.took(newest);
        return;
      }
    }
    await this.send(message, previous);
  }

  #online(): void {
    if (this.notice?.trouble.kind !== "offline") return;
    if (this.notice.about === "send") this.notice = { ...this.notice, trouble: new Trouble("unreachable") };
    else this.notice.retry?.();
    this.stage.show();
  }

  #fail(notice: Notice): void {
    this.notice = notice;
    this.stage.failed(notice.trouble);
    this.stage.show();
  }

  /** What went wrong; null when it is only that the sitting was left. */
  #troubleOf(error: unknown): Trouble | null {
    if (this.signal.aborted) return null;
    return error instanceof Trouble ? error : new Trouble("unknown", null, "", String(error));
  }
}
