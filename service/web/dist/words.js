// What the page says: every trouble has a sentence, and the buttons beside it are the way out.

/** Ways to begin that suit any persona. */
export const SUGGESTIONS = ["I had a long day.", "I need some advice.", "What are you?"];

/** Why a call did not succeed. */
export function describe(problem, title = "The service") {
  if (problem.status === 0) return navigator.onLine ? `${title} cannot be reached.` : "You are offline.";
  if (problem.gone) return "The service does not let this page begin a conversation.";
  if (problem.status === 429) return `That was a lot at once; ${afterPause(problem.wait)}.`;
  if (problem.status >= 500) return `${title} cannot answer right now.`;
  return problem.message || "This did not work.";
}

/** Why a message was not sent. */
export function describeUnsent(problem, title) {
  return `${describe(problem, title)} What you wrote is kept.`;
}

function afterPause(seconds) {
  if (!seconds) return "try again in a moment";
  return seconds === 1 ? "try again in a second" : `try again in ${seconds} seconds`;
}

/** Why a rating was taken back on the page. */
export function describeUnsaved(problem) {
  if (problem.status === 0) return navigator.onLine ? "Not saved: the service cannot be reached." : "Not saved: you are offline.";
  if (problem.gone) return "Not saved: the service no longer knows this conversation.";
  if (problem.status === 429) return `Not saved: too many at once; ${afterPause(problem.wait)}.`;
  return "Not saved: the service could not take it.";
}

/** What a reply that did not end well says of itself. */
export function describeEnd(state, title) {
  if (state === "cancelled") return "Stopped.";
  if (state === "interrupted") return `${title} was interrupted.`;
  return `${title} could not finish this reply.`;
}

/** A stable key as a person reads it: `off_character` becomes `Off character`. */
export function spell(key) {
  const text = key.replaceAll(/[_-]+/g, " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}
