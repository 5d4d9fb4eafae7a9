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
  /** The exchange whose message is being edited, and the one whose panel is open. */
  editing: string | null;
  about: string | null;
  /** The exchange of which something has just been copied. */
  copied: string | null;
  /** What can be done about a turn; null until it is loaded. */
  extras: Extras | null;
  /** Begin a new conversation. */
  reset(): void;
  /** Turn to another reply, or another wording of a message. */
  choose(exchange: Exchange): void;
  edit(exchange: Exchange | null): void;
  /** Open or close the panel about a reply; `focus` moves into it or back out of it. */
  tell(exchange: Exchange | null, focus?: boolean): void;
  copy(exchange: Exchange): void;
  send(message: string, previous?: string | null): void;
}

/** What is loaded once there is a conversation. */
export interface Extras {
  /** What can be done about a message, and about its reply. */
  aboutMessage(scene: Scene, turn: Turn): unknown;
  aboutReply(scene: Scene, turn: Turn): unknown;
  /** In the place of a message: a form to write it anew. */
  editor(scene: Scene, exchange: Exchange): unknown;
  /** Two replies to choose from; `body` shows one. */
  compare(scene: Scene, turn: Turn, body: (scene: Scene, exchange: Exchange) => TemplateResult): unknown;
  /** Whom to talk with. */
  chooser(words: Words, personas: Persona[], current: Persona, choose: (persona: Persona) => void): unknown;
  /** Whether to begin anew. */
  sure(scene: Scene, keep: () => void): unknown;
  dressCode(nodes: ChildNode[], tools: CodeTools): void;
  /** False when the browser does not allow it. */
  copyText(text: string): Promise<boolean>;
}

export interface CodeTools {
  /** What the button says. */
  label(): string;
  copy(text: string): void;
  /** Code as HTML; null when the language is not known. */
  highlight(code: string, language: string): Promise<string | null>;
  /** Sanitise HTML. */
  clean(html: string): string;
}
