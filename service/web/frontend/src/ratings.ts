// The ratings of one sitting: shown at once, on their way until the service has them, taken back should it refuse them.

import type { Chat, RatingNote } from "./chat";
import { Outbox, type Word } from "./outbox";
import type { Exchange, Rating } from "./types";

export class Ratings {
  /** What became of a rating, by the id of its exchange. */
  readonly notes = new Map<string, RatingNote>();
  readonly #chat: Chat;
  readonly #outbox: Outbox;
  readonly #confirmed = new Map<string, Rating | null>();

  constructor(chat: Chat) {
    this.#chat = chat;
    this.#outbox = new Outbox(chat.memory.shelf, {
      carry: ({ exchange, rating, token }) => chat.api.rate(exchange, rating, token),
      arrived: ({ exchange, rating }) => {
        this.#confirmed.set(exchange, rating);
        this.#note(exchange, "saved");
      },
      waits: ({ exchange }) => this.#note(exchange, "queued"),
      refused: (word) => this.#takeBack(word),
    });
    chat.overlay = (exchanges) => this.#overlay(exchanges);
    this.#overlay(chat.exchanges);
    addEventListener("online", () => void this.#outbox.empty(), { signal: chat.signal });
    chat.signal.addEventListener("abort", () => this.#outbox.close());
    void this.#outbox.empty();
  }

  /** Rate a reply, or take the rating back with null. */
  rate(exchange: Exchange, rating: Rating | null): void {
    const { conversation, stage } = this.#chat;
    if (!conversation) return;
    if (!this.#confirmed.has(exchange.id)) this.#confirmed.set(exchange.id, exchange.rating ?? null);
    exchange.rating = rating;
    this.notes.delete(exchange.id);
    stage.show();
    void this.#outbox.put(exchange.id, rating, conversation.token);
  }

  /** What still waits is what the person said last, whatever the service knows. */
  #overlay(exchanges: Exchange[]): void {
    for (const { exchange, rating } of this.#outbox.words) {
      const found = exchanges.find(({ id }) => id === exchange);
      if (found) found.rating = rating;
    }
  }

  #takeBack({ exchange }: Word): void {
    const found = this.#find(exchange);
    if (found && this.#confirmed.has(exchange)) found.rating = this.#confirmed.get(exchange) ?? null;
    this.#note(exchange, "refused");
  }

  #note(exchange: string, note: RatingNote): void {
    const found = this.#find(exchange);
    if (!found) return;
    this.notes.set(exchange, note);
    this.#chat.stage.rated(found, note);
    this.#chat.stage.show();
  }

  #find(exchange: string): Exchange | undefined {
    return this.#chat.exchanges.find(({ id }) => id === exchange);
  }
}
