// The service as the element sees it: one method per call, and one kind of error.

import type { Conversation, Exchange, Persona, Rating } from "./types";

export type Kind =
  | "offline"
  | "unreachable"
  | "rate_limited"
  | "overloaded"
  | "too_long"
  | "auth"
  | "persona"
  | "filtered"
  | "model"
  | "busy"
  | "unknown";

/** What went wrong. `wait` is in seconds, `reference` what the owner can find in the log. */
export class Trouble extends Error {
  constructor(
    readonly kind: Kind,
    readonly wait: number | null = null,
    readonly reference = "",
    readonly code = "",
    readonly status = 0,
  ) {
    super(code || kind);
  }

  /** Whether asking again later may help without anything being changed. */
  get passing(): boolean {
    if (this.kind === "unknown" && this.status >= 400 && this.status < 500) return false;
    return ["offline", "unreachable", "rate_limited", "overloaded", "busy", "unknown"].includes(this.kind);
  }
}

/** The service was not reached. */
export function unreached(): Trouble {
  return new Trouble(globalThis.navigator?.onLine === false ? "offline" : "unreachable");
}

/** The kind of an error by its status and the service's own code for it. */
export function kindOf(status: number, code: string): Kind {
  if (code === "persona_not_found") return "persona";
  if (code === "provider_filtered") return "filtered";
  if (code === "provider_overloaded" || code === "provider_resting") return "overloaded";
  if (code.startsWith("provider_") || code === "reply_empty") return "model";
  if (code === "message_too_long" || status === 413) return "too_long";
  if ([401, 403, 404].includes(status)) return "auth";
  if (status === 429) return "rate_limited";
  if (status === 409) return "busy";
  return status === 503 ? "overloaded" : "unknown";
}

interface Call {
  method?: string;
  body?: unknown;
  token?: string;
  signal?: AbortSignal;
  last?: number;
}

export class Api {
  /** `base` is the service's address without a slash at its end. */
  constructor(readonly base: string) {}

  /** The persona of this name, or all when there is none. */
  async personas(name: string): Promise<Persona[]> {
    if (name) return [await this.json<Persona>(`/api/personas/${encodeURIComponent(name)}`)];
    return (await this.json<{ data: Persona[] }>("/api/personas")).data;
  }

  begin(persona: string): Promise<Conversation> {
    return this.json("/api/conversations", { method: "POST", body: { persona } });
  }

  async exchanges({ id, token }: Conversation, signal?: AbortSignal): Promise<Exchange[]> {
    return (await this.json<{ exchanges: Exchange[] }>(`/api/conversations/${encodeURIComponent(id)}`, { token, signal })).exchanges;
  }

  /** Say something. `previous` is what it follows: an exchange, null for the beginning, undefined for the newest. */
  say({ id, token }: Conversation, message: string, previous: string | null | undefined, signal: AbortSignal): Promise<Response> {
    return this.call(`/api/conversations/${encodeURIComponent(id)}/exchanges`, { method: "POST", body: { message, previous }, token, signal });
  }

  exchange(id: string, token: string, signal?: AbortSignal): Promise<Exchange> {
    return this.json(exchangePath(id), { token, signal });
  }

  resume(id: string, last: number, token: string, signal: AbortSignal): Promise<Response> {
    return this.call(`${exchangePath(id)}/stream`, { token, signal, last });
  }

  regenerate(id: string, token: string, signal: AbortSignal): Promise<Response> {
    return this.call(`${exchangePath(id)}/regenerate`, { method: "POST", token, signal });
  }

  async cancel(id: string, token: string): Promise<void> {
    await this.call(`${exchangePath(id)}/cancel`, { method: "POST", token });
  }

  /** Keep a rating, or take it back with null. */
  async rate(id: string, rating: Rating | null, token: string): Promise<void> {
    await this.call(`${exchangePath(id)}/rating`, { method: rating ? "PUT" : "DELETE", body: rating ?? undefined, token });
  }

  async prefer(id: string, over: string, equal: boolean, token: string): Promise<void> {
    await this.call(`${exchangePath(id)}/preference`, { method: "PUT", body: equal ? { over, equal } : { over }, token });
  }

  private async json<T>(path: string, call?: Call): Promise<T> {
    const response = await this.call(path, call);
    try {
      return (await response.json()) as T;
    } catch {
      throw unreached(); // the connection was lost half-way
    }
  }

  private async call(path: string, { method = "GET", body, token, signal, last }: Call = {}): Promise<Response> {
    const headers: Record<string, string> = {};
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (last !== undefined) headers["Last-Event-ID"] = String(last);
    let response: Response;
    try {
      response = await fetch(this.base + path, { method, headers, signal, body: JSON.stringify(body), cache: "no-store", credentials: "omit" });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw unreached();
    }
    if (!response.ok) throw await troubleOf(response);
    return response;
  }
}

function exchangePath(id: string): string {
  return `/api/exchanges/${encodeURIComponent(id)}`;
}

async function troubleOf(response: Response): Promise<Trouble> {
  const problem = await response.json().catch(() => ({}));
  const code = String(problem?.error?.code ?? "");
  const wait = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return new Trouble(kindOf(response.status, code), Number.isNaN(wait) ? null : wait, String(problem?.request_id ?? ""), code, response.status);
}
