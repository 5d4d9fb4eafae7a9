// What this browser remembers between visits. Where it forbids that, as with third-party storage off, until the page is left.

import type { Conversation } from "./types";

/** A shelf of strings, the browser's or a map. */
export class Shelf {
  readonly #held = new Map<string, string>();

  /** `prefix` keeps services apart that are used on the same page's origin. */
  constructor(private readonly prefix: string) {}

  read(key: string): string {
    try {
      return localStorage.getItem(this.prefix + key) ?? this.#held.get(key) ?? "";
    } catch {
      return this.#held.get(key) ?? "";
    }
  }

  /** Keep a value; an empty one is forgotten. */
  write(key: string, value: string): void {
    if (value) this.#held.set(key, value);
    else this.#held.delete(key);
    try {
      if (value) localStorage.setItem(this.prefix + key, value);
      else localStorage.removeItem(this.prefix + key);
    } catch {
      // The map holds it.
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
    const listen = (event: StorageEvent) => event.key === this.prefix + key && changed();
    addEventListener("storage", listen);
    return () => removeEventListener("storage", listen);
  }
}

/** What is remembered of one persona. */
export class Memory {
  constructor(
    readonly shelf: Shelf,
    private readonly persona: string,
  ) {}

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

  /** Do something that two tabs must not do at once. Without locks (a page without https) it is done all the same. */
  alone<T>(what: () => Promise<T>): Promise<T> {
    return navigator.locks ? navigator.locks.request(this.#key("lock"), what) : what();
  }

  #key(name: string): string {
    return `${this.persona}.${name}`;
  }
}
