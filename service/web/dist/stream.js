// Server-sent events over fetch: EventSource can neither POST nor carry a token.

import { Problem } from "./client.js";

const TRIES = 3;
const FIRST_PAUSE = 500; // milliseconds; doubled with each try
const SILENCE = 60_000; // milliseconds after which a connection without a single byte counts as lost

/**
 * Yield the events of one reply, `{id, name, data}`, until `done` or `error`. A dropped connection is taken up again
 * after the last event that was seen. Throws `Problem` when that fails three times in a row, or at once when asking
 * again cannot help.
 */
export async function* follow({ exchange = null, open, resume, signal, onDrop }) {
  let [last, tries, request] = [0, 0, open];
  for (;;) {
    let problem = new Problem();
    try {
      const response = await request();
      for await (const event of readEvents(response.body)) {
        if (event.id !== null && event.id <= last) continue;
        last = event.id ?? last;
        tries = 0;
        if (event.name === "exchange") exchange = event.data.id;
        yield event;
        if (event.name === "done" || event.name === "error") return;
      }
    } catch (error) {
      if (signal.aborted) throw error;
      if (error instanceof Problem) problem = error;
    }
    if (exchange === null || !problem.passing || tries === TRIES) throw problem;
    onDrop();
    await pause(FIRST_PAUSE * 2 ** tries, signal);
    tries += 1;
    request = () => resume(exchange, last);
  }
}

/** Split a body into events; comments, such as pings, are passed over. */
export async function* readEvents(body) {
  // No TextDecoderStream: when the connection breaks, a pipe throws away what had already arrived.
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let buffer = "";
  try {
    for (;;) {
      const { done, value } = await within(SILENCE, reader.read());
      if (done) return;
      const blocks = (buffer + decoder.decode(value, { stream: true })).split(/\r\n\r\n|\n\n|\r\r/);
      buffer = blocks.pop();
      for (const block of blocks) {
        const event = readEvent(block);
        if (event) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function readEvent(block) {
  let [id, name, data] = [null, "message", ""];
  for (const line of block.split(/\r\n|\n|\r/)) {
    const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (field === "id") id = Number(value);
    if (field === "event") name = value;
    if (field === "data") data += value;
  }
  return data ? { id, name, data: JSON.parse(data) } : null;
}

function within(milliseconds, promise) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Problem()), milliseconds);
  });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
