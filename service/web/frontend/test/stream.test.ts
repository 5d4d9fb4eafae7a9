import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import test from "node:test";
import { Api, Trouble, kindOf } from "../src/api";
import { follow, readEvents, type Source } from "../src/stream";

type Answer = (response: ServerResponse, last: string | undefined) => void;

/** A real server whose answers come in this order, and what it was asked. */
async function served<T>(answers: Answer[], use: (url: string, asked: string[]) => Promise<T>): Promise<T> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const last = request.headers["last-event-id"] as string | undefined;
    asked.push(`${request.method} ${request.url} ${last ?? "-"}`);
    (answers.shift() ?? ((response) => response.writeHead(500).end()))(response, last);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const event = (id: number, name: string, data: unknown) => `id: ${id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
const says = (...events: string[]): Answer => (response) => response.writeHead(200, { "content-type": "text/event-stream" }).end(events.join(""));
const breaks = (...events: string[]): Answer => (response) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(events.join(""), () => setTimeout(() => response.destroy(), 20));
};
const refuses = (status: number, code: string, headers = {}): Answer => (response) =>
  response.writeHead(status, { "content-type": "application/problem+json", ...headers }).end(JSON.stringify({ request_id: "r1", error: { code } }));

async function collect(url: string, on: Partial<Source> = {}): Promise<string[]> {
  const api = new Api(url);
  const signal = new AbortController().signal;
  const source: Source = {
    open: () => api.say({ id: "c", token: "t" }, "hi", undefined, signal),
    resume: (id, last) => api.resume(id, last, "t", signal),
    pause: () => Promise.resolve(),
    signal,
    ...on,
  };
  const found: string[] = [];
  for await (const { id, name, data } of follow(null, source)) found.push(`${id} ${name} ${data.text ?? ""}`.trim());
  return found;
}

test("a stream that comes to its end is passed on as it is", () =>
  served([says(event(1, "exchange", { id: "e" }), ": ping\n\n", event(2, "delta", { text: "Hi" }), event(3, "done", {}))], async (url, asked) => {
    assert.deepEqual(await collect(url), ["1 exchange", "2 delta Hi", "3 done"]);
    assert.deepEqual(asked, ["POST /api/conversations/c/exchanges -"]);
  }));

test("a stream that breaks is taken up after the last event that was seen", () =>
  served(
    [
      breaks(event(1, "exchange", { id: "e" }), event(2, "delta", { text: "One" }), "id: 3\nevent: del"),
      says(event(3, "delta", { text: " two" }), event(4, "done", {})),
    ],
    async (url, asked) => {
      const dropped: number[] = [];

      const found = await collect(url, { dropped: () => dropped.push(1) });

      assert.deepEqual(found, ["1 exchange", "2 delta One", "3 delta  two", "4 done"]);
      assert.deepEqual(asked.slice(1), ["GET /api/exchanges/e/stream 2"]);
      assert.equal(dropped.length, 1);
    },
  ));

test("what is sent twice is seen once", () =>
  served(
    [
      breaks(event(1, "exchange", { id: "e" }), event(2, "delta", { text: "One" })),
      says(event(1, "exchange", { id: "e" }), event(2, "delta", { text: "One" }), event(3, "done", {})),
    ],
    async (url) => assert.deepEqual(await collect(url), ["1 exchange", "2 delta One", "3 done"]),
  ));

test("a service that is away for a while is asked again, longer apart each time", () =>
  served(
    [breaks(event(1, "exchange", { id: "e" })), refuses(503, "stopping"), refuses(500, "x"), says(event(2, "done", {}))],
    async (url) => {
      const pauses: number[] = [];

      const found = await collect(url, { pause: async (tries) => void pauses.push(tries) });

      assert.deepEqual(found, ["1 exchange", "2 done"]);
      assert.deepEqual(pauses, [0, 1, 2]);
    },
  ));

test("progress counts: a line that breaks often is not given up", () =>
  served(
    [
      breaks(event(1, "exchange", { id: "e" })),
      ...Array.from({ length: 12 }, (_, index) => breaks(event(index + 2, "delta", { text: "x" }))),
      says(event(14, "done", {})),
    ],
    async (url) => assert.equal((await collect(url)).at(-1), "14 done"),
  ));

test("a service that stays away is given up after a bounded number of tries", () =>
  served([breaks(event(1, "exchange", { id: "e" }))], async (url, asked) => {
    await assert.rejects(collect(url), Trouble);
    assert.equal(asked.length, 1 + 6);
  }));

test("where asking again cannot help it is not asked again", () =>
  served([breaks(event(1, "exchange", { id: "e" })), refuses(401, "token_unknown")], async (url, asked) => {
    await assert.rejects(collect(url), (error: Trouble) => error.kind === "auth");
    assert.equal(asked.length, 2);
  }));

test("a message that was not taken is not sent a second time", () =>
  served([refuses(429, "rate_limited", { "retry-after": "7" })], async (url, asked) => {
    await assert.rejects(collect(url), (error: Trouble) => error.kind === "rate_limited" && error.wait === 7 && error.reference === "r1");
    assert.equal(asked.length, 1);
  }));

test("what the service does not take as it is does not pass by waiting", () =>
  served([refuses(422, "rating_invalid"), refuses(500, "internal_error")], async (url) => {
    const passes = (error: Trouble) => error.passing;
    await assert.rejects(new Api(url).rate("e", null, "t"), (error: Trouble) => !passes(error));
    await assert.rejects(new Api(url).rate("e", null, "t"), passes);
  }));

test("events are read however the bytes are cut", async () => {
  const bytes = new TextEncoder().encode(event(1, "delta", { text: "Grüße 👋" }) + ": ping\n\n" + event(2, "done", {}));
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
      controller.close();
    },
  });
  const found = [];
  for await (const { id, name, data } of readEvents(body)) found.push([id, name, data]);

  assert.deepEqual(found, [[1, "delta", { text: "Grüße 👋" }], [2, "done", {}]]);
});

test("every error is of one kind, by what the service says of it", () => {
  const kinds: [number, string, string][] = [
    [401, "token_unknown", "auth"],
    [404, "conversation_not_found", "auth"],
    [404, "persona_not_found", "persona"],
    [400, "message_too_long", "too_long"],
    [413, "body_too_large", "too_long"],
    [429, "rate_limited", "rate_limited"],
    [503, "overloaded", "overloaded"],
    [502, "provider_overloaded", "overloaded"],
    [502, "provider_unreachable", "model"],
    [502, "provider_filtered", "filtered"],
    [409, "exchange_open", "busy"],
    [500, "internal_error", "unknown"],
  ];
  for (const [status, code, kind] of kinds) assert.equal(kindOf(status, code), kind, code);
});
