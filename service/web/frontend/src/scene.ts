// What every part of the view needs to know, and what it can ask for.

import type { Chat } from "./chat";
import type { Extras } from "./extras";
import type { Replies } from "./reply";
import type { Exchange, Persona } from "./types";
import type { Language, Words } from "./words";

export interface Scene {
  chat: Chat;
  persona: Persona;
  title: string;
  words: Words;
  language: Language;
  replies: Replies;
  /** The exchange whose message is being edited, and the one whose panel is open. */
  editing: string | null;
  about: string | null;
  /** The exchange of which something has just been copied. */
  copied: string | null;
  /** The parts that are loaded when they are wanted first; null before that. */
  extras: Extras | null;
  /** Ask for a new conversation, once a person is sure. */
  reset(): void;
  edit(exchange: Exchange | null): void;
  /** Open or close the panel about a reply; `focus` moves into it or back out of it. */
  tell(exchange: Exchange | null, focus?: boolean): void;
  copy(exchange: Exchange): void;
  rate(exchange: Exchange, rating: Exchange["rating"]): void;
  send(message: string, previous?: string | null): void;
  load(): void;
}
