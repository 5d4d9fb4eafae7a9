import assert from "node:assert/strict";
import test from "node:test";
import { remindedAt, noticeOf } from "../src/notice";
import { arrange } from "../src/thread";
import type { Exchange, Persona, State } from "../src/types";

function said(id: string, previous: string | null, message: string, reply = `to ${message}`, state: State = "complete", hours = 0): Exchange {
  const created_at = new Date(Date.UTC(2026, 0, 1) + hours * 3_600_000).toISOString();
  return { id, previous, message, reply, state, error: null, created_at };
}

const path = (exchanges: Exchange[], chosen: [string, string][] = []) => arrange(exchanges, new Map(chosen)).map(({ exchange }) => exchange.id);

test("a conversation without turns aside is shown as it was", () => {
  assert.deepEqual(path([said("a", null, "1"), said("b", "a", "2"), said("c", "b", "3")]), ["a", "b", "c"]);
});

test("of variants the newest is shown, or the one that has a sequel, or the one that was turned to", () => {
  const variants = [said("a", null, "1"), said("b", null, "1")];

  assert.deepEqual(path(variants), ["b"]);
  assert.deepEqual(path([...variants, said("c", "a", "2")]), ["a", "c"]);
  assert.deepEqual(path([...variants, said("c", "a", "2")], [["", "b"]]), ["b"]);
  assert.deepEqual(arrange(variants, new Map())[0].replies.map(({ id }) => id), ["a", "b"]);
});

test("an edited message takes the place of the old one, which stays a page away", () => {
  const exchanges = [said("a", null, "1"), said("b", "a", "2"), said("c", "a", "2, better"), said("d", "a", "2, better")];
  const [, turn] = arrange(exchanges, new Map());

  assert.deepEqual(path(exchanges), ["a", "d"]);
  assert.deepEqual(turn.wordings.map(({ id }) => id), ["b", "d"]);
  assert.deepEqual(turn.replies.map(({ id }) => id), ["c", "d"]);
  assert.deepEqual(path(exchanges, [["a", "b"]]), ["a", "b"]);
});

test("a message that nothing came of stays where it was said, until it is said again", () => {
  const lost = said("a", null, "1", "", "failed");

  assert.deepEqual(path([lost]), ["a"]);
  assert.deepEqual(path([lost, said("b", null, "2")]), ["a", "b"]);
  assert.deepEqual(path([lost, said("b", null, "1")]), ["b"]);
});

test("a failed second answer does not hide the first", () => {
  assert.deepEqual(path([said("a", null, "1"), said("b", null, "1", "", "failed")]), ["a"]);
});

test("a failed edit does not take what it should have replaced", () => {
  assert.deepEqual(path([said("a", null, "1"), said("b", "a", "2"), said("c", null, "1, better", "", "failed")]), ["a", "b"]);
});

test("a reply that is being written is part of the path", () => {
  assert.deepEqual(path([said("a", null, "1"), said("b", "a", "2", "", "open")]), ["a", "b"]);
});

test("the notice is said again after every so many hours of a conversation", () => {
  const exchanges = [0, 1, 2.9, 3, 5, 6.1, 20].map((hours, index) => said(String(index), null, "x", "y", "complete", hours));
  const again = (hours: number) => [...remindedAt(exchanges, hours)].map(({ id }) => id);

  assert.deepEqual(again(3), ["3", "5", "6"]);
  assert.deepEqual(again(0), []);
});

test("a service that says nothing of the notice has it at the start and after three hours", () => {
  const persona = { name: "p", title: "P", greeting: "", reasons: { up: [], down: [] } } satisfies Persona;

  assert.deepEqual(noticeOf(persona), { start: true, hours: 3 });
  assert.deepEqual(noticeOf({ ...persona, notice: null }), { start: true, hours: 3 });
  assert.deepEqual(noticeOf({ ...persona, notice: { start: false, hours: 1 } }), { start: false, hours: 1 });
});
