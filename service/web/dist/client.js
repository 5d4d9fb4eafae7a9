// The service as seen from the page: one function per call, and one kind of error.

/** What went wrong with a call. `status` 0 means that the service was not reached. */
export class Problem extends Error {
  constructor({ status = 0, message = "", wait = null, reference = "" } = {}) {
    super(message);
    this.status = status;
    this.wait = wait; // seconds after which the service would like to be asked again
    this.reference = reference;
  }

  /** The conversation, or the right to it, is no longer known. */
  get gone() {
    return [401, 403, 404].includes(this.status);
  }

  /** Asking again soon may help. */
  get passing() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export async function listPersonas() {
  return (await call("/api/personas").then(readJson)).data;
}

export async function createConversation(persona) {
  const { id, token } = await call("/api/conversations", { method: "POST", body: { persona } }).then(readJson);
  return { id, token, variants: [] };
}

export async function readConversation({ id, token }, signal) {
  return (await call(`/api/conversations/${encodeURIComponent(id)}`, { token, signal }).then(readJson)).exchanges;
}

/** The response's body is a stream of events, as with `regenerate` and `resume`. */
export function sendMessage({ id, token }, message, signal) {
  return call(`/api/conversations/${encodeURIComponent(id)}/exchanges`, { method: "POST", body: { message }, token, signal });
}

export function regenerate(exchange, token, signal) {
  return call(`${exchangePath(exchange)}/regenerate`, { method: "POST", token, signal });
}

export function resume(exchange, last, token, signal) {
  return call(`${exchangePath(exchange)}/stream`, { token, signal, headers: { "Last-Event-ID": String(last) } });
}

export function cancel(exchange, token) {
  return call(`${exchangePath(exchange)}/cancel`, { method: "POST", token });
}

export function putRating(exchange, rating, token) {
  return call(`${exchangePath(exchange)}/rating`, { method: "PUT", body: rating, token });
}

export function deleteRating(exchange, token) {
  return call(`${exchangePath(exchange)}/rating`, { method: "DELETE", token });
}

function exchangePath(id) {
  return `/api/exchanges/${encodeURIComponent(id)}`;
}

async function call(path, { method = "GET", body, token, signal, headers = {} } = {}) {
  const all = { ...headers };
  if (token) all.Authorization = `Bearer ${token}`;
  if (body !== undefined) all["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, signal, headers: all, cache: "no-store", body: body && JSON.stringify(body) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem();
  }
  if (!response.ok) throw await readProblem(response);
  return response;
}

async function readJson(response) {
  try {
    return await response.json();
  } catch {
    throw new Problem(); // the connection was lost half-way
  }
}

async function readProblem(response) {
  const problem = await response.json().catch(() => ({}));
  const wait = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return new Problem({
    status: response.status,
    message: problem.detail || problem.error?.message || problem.title || "",
    wait: Number.isNaN(wait) ? null : wait,
    reference: problem.request_id ?? "",
  });
}
