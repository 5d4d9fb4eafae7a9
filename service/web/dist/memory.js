// What this browser remembers between visits; in a browser that forbids it, until the page is left.

const fallback = new Map();

function read(key) {
  try {
    return localStorage.getItem(`attune.${key}`) ?? fallback.get(key) ?? null;
  } catch {
    return fallback.get(key) ?? null;
  }
}

function write(key, value) {
  if (value === null || value === "") fallback.delete(key);
  else fallback.set(key, value);
  try {
    if (value === null || value === "") localStorage.removeItem(`attune.${key}`);
    else localStorage.setItem(`attune.${key}`, value);
  } catch {
    // The fallback holds it.
  }
}

export const readPersona = () => read("persona");
export const writePersona = (name) => write("persona", name);

/** What was typed and not yet sent. */
export const readDraft = (persona) => read(`draft.${persona}`) ?? "";
export const writeDraft = (persona, text) => write(`draft.${persona}`, text);

/** What was sent and not yet acknowledged. */
export const readPending = (persona) => read(`pending.${persona}`) ?? "";
export const writePending = (persona, text) => write(`pending.${persona}`, text);

/** `{id, token, variants}`: `variants` are the exchanges that answer the same message as the one before them. */
export function readConversation(persona) {
  try {
    const { id, token, variants = [] } = JSON.parse(read(`conversation.${persona}`));
    return id && token ? { id, token, variants } : null;
  } catch {
    return null;
  }
}

export function writeConversation(persona, conversation) {
  write(`conversation.${persona}`, conversation && JSON.stringify(conversation));
}
