// Server-sent events over fetch: EventSource can neither POST nor carry a token.

import { createParser } from "eventsource-parser";
import { Trouble, unreached } from "./api";

export interface StreamEvent {
  id: number;
  name: string;
  data: Record<string, any>;
}

export interface Source {
  /** Ask for the stream the first time. */
  open(): Promise<Response>;
  /** Take up the stream of an exchange after the event `last`. */
  resume(exchange: string, last: number): Promise<Response>;
  /** The connection dropped and is going to be taken up again, and then it was. */
  dropped?(): void;
  resumed?(): void;
  /** Wait before the next try; `tries` is how many failed in a row before. */
  pause?(tries: number): Promise<void>;
  signal: AbortSignal;
}

const TRIES = 6;
const FIRST_PAUSE = 500; // milliseconds; doubled with each try, with up to as much again by chance
const SILENCE = 45_000; // milliseconds without a byte, three of the service's pings, after which a connection counts as lost

/**
 * Yield the events of one reply until `done` or `error`, each once and in order. A dropped connection is taken up again
 * after the last event that was seen. Throws `Trouble` when that goes on failing, or at once when asking again cannot help.
 */
export async function* follow(exchange: string | null, source: Source): AsyncGenerator<StreamEvent> {
  let [last, tries, request] = [0, 0, source.open];
  for (;;) {
    let trouble: Trouble = unreached();
    try {
      const { body } = await request();
      source.resumed?.();
      for await (const event of readEvents(body!)) {
        if (event.id <= last) continue;
        last = event.id;
        tries = 0;
        if (event.name === "exchange") exchange = event.data.id;
        yield event;
        if (event.name === "done" || event.name === "error") return;
      }
    } catch (error) {
      if (source.signal.aborted) throw error;
      if (error instanceof Trouble) trouble = error;
    }
    if (exchange === null || !trouble.passing || trouble.kind === "busy" || tries === TRIES) throw trouble;
    source.dropped?.();
    await (source.pause ?? pause)(tries);
    source.signal.throwIfAborted();
    tries += 1;
    const [id, seen] = [exchange, last];
    request = () => source.resume(id, seen);
  }
}

/** Read a body as events; comments, such as pings, only show that the line is alive. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamEvent> {
  // Read by hand: when the connection breaks, a pipe of streams throws away what had already arrived.
  const found: StreamEvent[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }) => found.push({ id: Number(id), name: event ?? "message", data: JSON.parse(data) }),
  });
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await within(SILENCE, reader.read());
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* found.splice(0);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Wait longer with each try, not all at the same moment, and no longer than until the browser is back online. */
function pause(tries: number): Promise<void> {
  const milliseconds = FIRST_PAUSE * 2 ** tries * (1 + Math.random());
  return new Promise((resolve) => {
    const timer = setTimeout(end, milliseconds);
    function end() {
      clearTimeout(timer);
      removeEventListener("online", end);
      resolve();
    }
    addEventListener("online", end);
  });
}

function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unreached()), milliseconds);
  });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}
