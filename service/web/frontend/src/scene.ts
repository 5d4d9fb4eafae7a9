// What every part of the view needs to know, and what it can ask for.

import type { TemplateResult } from "lit-html";
import type { Chat } from "./chat";
import type { Replies } from "./reply";
import type { Turn } from "./thread";
import type { Exchange, Persona } from "./types";
import type { Language, Words } from "./words";

export interface Scene {
  chat: Chat;
  persona: Persona;
  title: string;
  words: Words;
  language: Language;
  replies: Replies;
  /** What can be done about a turn; null until it is loaded. */
  extras: Extras | null;
  /** Begin a new conversation. */
  reset(): void;
  send(message: string, previous?: string | null): void;
}

/** What is loaded once there is a conversation. It keeps its own state: what is being edited, which panel is open. */
export interface Extras {
  /** What can be done about a message, in its place a form to write it anew. */
  message(scene: Scene, turn: Turn, said: TemplateResult): unknown;
  /** What can be done about a reply. */
  reply(scene: Scene, turn: Turn): unknown;
  /** Two replies to choose from; `body` shows one. */
  compare(scene: Scene, turn: Turn, body: (scene: Scene, exchange: Exchange) => TemplateResult): unknown;
  /** Whom to talk with. */
  chooser(words: Words, personas: Persona[], current: Persona, choose: (persona: Persona) => void): unknown;
  /** The question whether to begin anew, once it was asked; otherwise null. */
  sure(scene: Scene): TemplateResult | null;
  ask(): void;
  /** Close whatever is open. */
  settle(): void;
  dressCode(nodes: ChildNode[]): void;
}

/** What the element does for the extras. */
export interface Host {
  redraw(): void;
  /** Resolves once it is redrawn. */
  readonly drawn: Promise<void>;
  find<T extends HTMLElement>(selector: string): T | null;
  /** Go on writing. */
  compose(): void;
  /** Stay here, whatever grows. */
  hold(): void;
  /** Tell a screen reader. */
  tell(words: string): void;
  words: Words;
  /** Code as HTML; null when the language is not known. */
  highlight(code: string, language: string): Promise<string | null>;
  sanitise(html: string): string;
}
