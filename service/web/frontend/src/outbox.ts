// Ratings on their way to the service: kept until they are there, in the order they were given, also across a reload.

import type { Trouble } from "./api";
import type { Shelf } from "./memory";
import type { Rating } from "./types";

/** A person's last word on an exchange; null takes it back. `turn` tells it from an earlier word. */
export interface Word {
  exchange: string;
  rating: Rating | null;
  token: string;
  turn: string;
}

export interface Carrier {
  carry(word: Word): Promise<void>;
  arrived(word: Word): void;
  /** It could not be carried now, and waits. */
  waits(word: Word, trouble: Trouble): void;
  /** The service does not take it. */
  refused(word: Word, trouble: Trouble): void;
}

const KEY = "outbox";
const LATER = 10_000; // milliseconds until waiting words are tried again

export class Outbox {
  #running: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #shelf: Shelf;
  readonly #carrier: Carrier;

  constructor(shelf: Shelf, carrier: Carrier) {
    this.#shelf = shelf;
    this.#carrier = carrier;
  }

  get words(): Word[] {
    return this.#shelf.readJson<Word[]>(KEY) ?? [];
  }

  /** Take a word; it replaces an earlier one on the same exchange that has not left yet. */
  put(exchange: string, rating: Rating | null, token: string): Promise<void> {
    const word = { exchange, rating, token, turn: `${Date.now()} ${Math.random()}` };
    this.#keep([...this.words.filter((other) => other.exchange !== exchange), word]);
    return this.empty();
  }

  /** Carry what there is, oldest first, one at a time; stop at the first that has to wait. */
  empty(): Promise<void> {
    clearTimeout(this.#timer);
    return (this.#running ??= this.#carryAll());
  }

  /** Leave what waits to the next visit. */
  close(): void {
    clearTimeout(this.#timer);
  }

  async #carryAll(): Promise<void> {
    await null; // so that it is running before it can be over
    try {
      for (let word = this.words[0]; word; word = this.words[0]) if (!(await this.#carry(word))) return;
    } finally {
      this.#running = null;
    }
  }

  /** Carry one word; false when it has to wait. */
  async #carry(word: Word): Promise<boolean> {
    try {
      await this.#carrier.carry(word);
      if (this.#drop(word)) this.#carrier.arrived(word);
    } catch (error) {
      if (!isTrouble(error)) throw error;
      if (error.passing) {
        this.#timer = setTimeout(() => void this.empty(), (error.wait ?? 0) * 1000 || LATER);
        this.#carrier.waits(word, error);
        return false;
      }
      if (this.#drop(word)) this.#carrier.refused(word, error);
    }
    return true;
  }

  /** Take a word out; false when a later word on the same exchange has taken its place meanwhile. */
  #drop({ turn }: Word): boolean {
    const words = this.words;
    const rest = words.filter((word) => word.turn !== turn);
    this.#keep(rest);
    return rest.length < words.length;
  }

  #keep(words: Word[]): void {
    this.#shelf.write(KEY, words.length ? JSON.stringify(words) : "");
  }
}

/** By its looks: this file is loaded apart from the one that makes them. */
function isTrouble(error: unknown): error is Trouble {
  return error instanceof Error && "kind" in error && "passing" in error;
}
