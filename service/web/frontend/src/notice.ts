// 'This is an AI': said at the start of a conversation, and again whenever it has gone on for so many hours.

import type { Exchange, Persona } from "./types";

const HOUR = 3_600_000;

/** What a persona asks for; a service that says nothing asks for what the laws on companions ask. */
export function noticeOf(persona: Persona): { start: boolean; hours: number } {
  const { start = true, hours = 3 } = persona.notice ?? {};
  return { start, hours };
}

/** The exchanges before which the notice is said again; `hours` of 0 says it never again. */
export function remindedAt(exchanges: readonly Exchange[], hours: number): Set<Exchange> {
  const found = new Set<Exchange>();
  let last = Date.parse(exchanges[0]?.created_at ?? "");
  for (const exchange of exchanges) {
    const at = Date.parse(exchange.created_at);
    if (!(hours > 0 && at - last >= hours * HOUR)) continue;
    found.add(exchange);
    last = at;
  }
  return found;
}
