// A conversation is a tree: variants answer the same message, edits take its place. What is shown is one path through it.

import type { Exchange } from "./types";

/** One message with one reply, and what else stands in its place. */
export interface Turn {
  exchange: Exchange;
  /** The replies to this message, oldest first; this one is among them. */
  replies: Exchange[];
  /** The newest exchange of each wording of the message, oldest first. */
  wordings: Exchange[];
}

export function keyOf(exchange: Exchange): string {
  return exchange.key ?? exchange.id;
}

/** Nothing came of it, so the model never hears of it and nothing follows it. */
export function isDead({ reply, state }: Exchange): boolean {
  return !reply && state !== "open";
}

/**
 * The path that is shown. `chosen` holds, by what an exchange follows ("" for the beginning), the key of the exchange that a
 * person turned to; otherwise the path leads to what is newest.
 */
export function arrange(exchanges: readonly Exchange[], chosen: ReadonlyMap<string, string>): Turn[] {
  const newest = pathTo(exchanges.findLast((exchange) => !isDead(exchange)), exchanges);
  const turns: Turn[] = [];
  let parent = "";
  for (;;) {
    const siblings = exchanges.filter((exchange) => parentOf(exchange) === parent);
    if (siblings.length === 0) return turns;
    const shown = pick(siblings, chosen.get(parent), newest);
    turns.push(...unanswered(siblings, shown), turnOf(siblings, shown));
    parent = shown.id;
  }
}

export function parentOf({ previous }: Exchange): string {
  return previous ?? "";
}

function pick(siblings: Exchange[], chosen: string | undefined, newest: ReadonlySet<Exchange>): Exchange {
  const alive = siblings.filter((one) => !isDead(one));
  return siblings.find((one) => keyOf(one) === chosen) ?? alive.find((one) => newest.has(one)) ?? alive.at(-1) ?? siblings.at(-1)!;
}

function turnOf(siblings: Exchange[], shown: Exchange): Turn {
  const present = siblings.filter((one) => one === shown || !isDead(one));
  return { exchange: shown, replies: present.filter((one) => one.message === shown.message), wordings: lastOfEach(present, shown) };
}

/** Messages that nothing came of stay where they were said, before the one that was answered, unless they were said again. */
function unanswered(siblings: Exchange[], shown: Exchange): Turn[] {
  const answered = siblings.findIndex((one) => one === shown || !isDead(one));
  const before = siblings.slice(0, answered);
  const lost = before.filter((one) => siblings.findLast((other) => other.message === one.message) === one);
  return lost.map((exchange) => ({ exchange, replies: [exchange], wordings: [exchange] }));
}

function lastOfEach(siblings: Exchange[], shown: Exchange): Exchange[] {
  const wordings = new Map(siblings.map((one) => [one.message, one]));
  wordings.set(shown.message, shown);
  return [...wordings.values()];
}

function pathTo(end: Exchange | undefined, exchanges: readonly Exchange[]): Set<Exchange> {
  const path = new Set<Exchange>();
  for (let one = end; one && !path.has(one); one = exchanges.find(({ id }) => id === parentOf(one!))) path.add(one);
  return path;
}
