// What this browser remembers between visits. Where it forbids that, as with third-party storage off, until the page is left.

import type { Conversation } from "./types";

const held = new Map<string, string>();

/** A shelf of strings: the browser's, or where it has none, one that lasts as long as the page. */
export class Shelf {
  readonly #prefix: string;

  /** `prefix` keeps services apart that are used on the same page's origin. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  read(key: string): string {
    try {
      return localStorage.getItem(this.#prefix + key) ?? held.get(this.#prefix + key) ?? "";
    } catch {
      return held.get(this.#prefix + key) ?? "";
    }
  }

  /** Keep a value; an empty one is forgotten. */
  write(key: string, value: string): void {
    if (value) held.set(this.#prefix + key, value);
    else held.delete(this.#prefix + key);
    try {
      if (value) localStorage.setItem(this.#prefix + key, value);
      else localStorage.removeItem(this.#prefix + key);
    } catch {
      // It is held above.
    }
  }

  readJson<T>(key: string): T | null {
    try {
      return JSON.parse(this.read(key));
    } catch {
      return null;
    }
  }

  /** Call back when another tab has written the key; returns what ends it. */
  watch(key: string, changed: () => void): () => void {
    const listen = (event: StorageEvent) => event.key === this.#prefix + key && changed();
    addEventListener("storage", listen);
    return () => removeEventListener("storage", listen);
  }
}

/** What is remembered of one persona. */
export class Memory {
  readonly #persona: string;

  constructor(readonly shelf: Shelf, persona: string) {
    this.#persona = persona;
  }

  get conversation(): Conversation | null {
    const found = this.shelf.readJson<Conversation>(this.#key("conversation"));
    return found?.id && found.token ? { id: found.id, token: found.token } : null;
  }

  set conversation(value: Conversation | null) {
    this.shelf.write(this.#key("conversation"), value ? JSON.stringify(value) : "");
  }

  /** What was typed and not yet sent. */
  get draft(): string {
    return this.shelf.read(this.#key("draft"));
  }

  set draft(text: string) {
    this.shelf.write(this.#key("draft"), text);
  }

  /** What was sent and not yet taken by the service. */
  get pending(): string {
    return this.shelf.read(this.#key("pending"));
  }

  set pending(text: string) {
    this.shelf.write(this.#key("pending"), text);
  }

  /** Tell the other tabs that there is something new in this conversation. */
  touch(): void {
    this.shelf.write(this.#key("touched"), `${Date.now()} ${Math.random()}`);
  }

  whenTouched(changed: () => void): () => void {
    return this.shelf.watch(this.#key("touched"), changed);
  }

  /** Do something that two tabs must not do at once. Where a page may have no locks (no https, a frame without storage) it is done all the same. */
  async alone<T>(what: () => Promise<T>): Promise<T> {
    let begun = false;
    const begin = () => {
      begun = true;
      return what();
    };
    try {
      return await navigator.locks.request(this.#key("lock"), begin);
    } catch (error) {
      if (begun) throw error;
      return what();
    }
  }

  #key(name: string): string {
    return `${this.#persona}.${name}`;
  }
}
