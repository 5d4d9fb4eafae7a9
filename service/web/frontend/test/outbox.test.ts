import assert from "node:assert/strict";
import test from "node:test";
import { Trouble } from "../src/api";
import { Shelf } from "../src/memory";
import { Outbox, type Carrier, type Word } from "../src/outbox";
import type { Rating, Thumb } from "../src/types";

const thumb = (rating: Thumb): Rating => ({ rating, reasons: [], comment: "", correction: null });
let shelves = 0;
const shelf = () => new Shelf(`${shelves++} `);
const said = ({ exchange, rating }: Word) => `${exchange} ${rating?.rating ?? "withdrawn"}`;

/** A carrier that notes what it carries; `ways` are what becomes of the next words, by default they arrive. */
function carrier(ways: (Trouble | Promise<void>)[] = []) {
  const seen: string[] = [];
  const on: Carrier = {
    async carry(word) {
      seen.push(`carry ${said(word)}`);
      const way = ways.shift();
      if (way instanceof Trouble) throw way;
      await way;
    },
    arrived: (word) => seen.push(`arrived ${said(word)}`),
    waits: (word) => seen.push(`waits ${said(word)}`),
    refused: (word) => seen.push(`refused ${said(word)}`),
  };
  return { seen, on };
}

test("words leave in the order in which they were given", async () => {
  const { seen, on } = carrier();
  const outbox = new Outbox(shelf(), on);

  await Promise.all([outbox.put("a", thumb("up"), "t"), outbox.put("b", thumb("down"), "t"), outbox.put("c", null, "t")]);

  assert.deepEqual(seen.filter((line) => line.startsWith("carry")), ["carry a up", "carry b down", "carry c withdrawn"]);
  assert.deepEqual(outbox.words, []);
});

test("while the service is away they wait, and only the last word on an exchange is kept", async () => {
  const offline = () => new Trouble("offline");
  const { seen, on } = carrier([offline(), offline(), offline(), offline()]);
  const outbox = new Outbox(shelf(), on);

  await outbox.put("a", thumb("up"), "t");
  await outbox.put("b", thumb("up"), "t");
  await outbox.put("a", thumb("down"), "t");
  assert.deepEqual(outbox.words.map(said), ["b up", "a down"]);
  await outbox.empty();
  await outbox.empty();
  outbox.close();

  assert.deepEqual(seen.slice(-4), ["carry b up", "arrived b up", "carry a down", "arrived a down"]);
});

test("a word that was given while an earlier one was under way goes after it", async () => {
  let arrive = () => {};
  const { seen, on } = carrier([new Promise<void>((resolve) => (arrive = resolve))]);
  const outbox = new Outbox(shelf(), on);

  const first = outbox.put("a", thumb("up"), "t");
  await new Promise(setImmediate); // it has left
  const second = outbox.put("a", null, "t");
  arrive();
  await Promise.all([first, second]);

  assert.deepEqual(seen, ["carry a up", "carry a withdrawn", "arrived a withdrawn"]);
});

test("a word that the service refuses does not hold up the others", async () => {
  const { seen, on } = carrier([new Trouble("auth")]);
  const outbox = new Outbox(shelf(), on);

  await Promise.all([outbox.put("a", thumb("up"), "t"), outbox.put("b", thumb("up"), "t")]);

  assert.deepEqual(seen, ["carry a up", "refused a up", "carry b up", "arrived b up"]);
});

test("what waits is there for the next visit", async () => {
  const kept = shelf();
  const before = new Outbox(kept, carrier([new Trouble("unreachable")]).on);
  await before.put("a", thumb("down"), "t");
  before.close();
  const { seen, on } = carrier();

  await new Outbox(kept, on).empty();

  assert.deepEqual(seen, ["carry a down", "arrived a down"]);
});
