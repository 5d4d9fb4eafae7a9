// How a reply comes about: asked for, streamed, stopped, lost and found, tried again, and in the end rated.

import * as service from "./client.js";
import { ExchangeView } from "./exchange.js";
import * as memory from "./memory.js";
import * as page from "./page.js";
import { createRating } from "./rating.js";
import { follow } from "./stream.js";
import { describe, describeEnd, describeUnsent } from "./words.js";

/** Send a message and show the reply while it is written; `prepare` makes sure that there is a conversation. */
export function ask(sitting, message, prepare) {
  const view = openView(sitting, message);
  return listen(sitting, view, async () => {
    await prepare();
    return service.sendMessage(sitting.conversation, message, sitting.signal);
  });
}

/** Show an exchange that the service knows, and the rest of its reply if it is still being written. */
export function showStored(sitting, exchange, variant = false) {
  const view = openView(sitting, exchange.message, { variant });
  view.id = exchange.id;
  sitting.shown.add(exchange.id);
  showState(sitting, view, exchange);
  return view;
}

/** Stop the reply that is being written. */
export async function stop(sitting) {
  const { live } = sitting;
  if (!live) return;
  live.stopping = true;
  if (!live.view.id) return; // it is stopped as soon as the service has named it
  try {
    await service.cancel(live.view.id, sitting.conversation.token);
  } catch {
    if (sitting.live === live) page.showNotice("The reply could not be stopped.", "Try again", () => stop(sitting));
  }
}

export function setLive(sitting, live) {
  sitting.live = live;
  if (sitting.signal.aborted) return;
  sitting.composer.setBusy(live !== null);
  page.setBusy(live !== null);
}

/** Ask for another answer to the same message: beside a reply, or in the place of one that did not end well. */
function regenerate(sitting, before) {
  if (sitting.live) return;
  page.hideNotice();
  sitting.composer.focus(); // the button that was pressed is about to go
  const beside = before.finished;
  const view = openView(sitting, before.message, { variant: beside || before.variant, inPlaceOf: beside ? null : before });
  view.before = before;
  listen(sitting, view, () => service.regenerate(before.id, sitting.conversation.token, sitting.signal));
}

function openView(sitting, message, { variant = false, inPlaceOf = null } = {}) {
  const view = new ExchangeView({ message, variant, title: sitting.persona.title });
  page.showExchange(view, inPlaceOf);
  page.goToEnd();
  return view;
}

async function listen(sitting, view, open) {
  const { signal, persona } = sitting;
  setLive(sitting, { view, stopping: false });
  view.clear();
  view.writing();
  page.announce(`${persona.title} is writing`);
  try {
    const resume = (id, last) => service.resume(id, last, sitting.conversation.token, signal);
    const onDrop = () => view.say("Reconnecting…");
    for await (const event of follow({ exchange: view.id, open, resume, signal, onDrop })) take(sitting, view, event);
  } catch (problem) {
    if (signal.aborted) return;
    setLive(sitting, null);
    if (view.id) lose(sitting, view);
    else refuse(sitting, view, problem);
  }
}

function take(sitting, view, { name, data }) {
  if (name === "exchange") accept(sitting, view, data.id);
  if (name === "delta") view.append(data.text);
  if (name !== "done" && name !== "error") return;
  setLive(sitting, null);
  conclude(sitting, view, { ...data, state: data.state ?? "failed" }, { aloud: true });
}

/** The service has the message: it is no longer the page's to keep. */
function accept(sitting, view, id) {
  if (view.id) return;
  view.id = id;
  sitting.shown.add(id);
  if (view.before) {
    sitting.conversation.variants.push(id);
    memory.writeConversation(sitting.persona.name, sitting.conversation);
  } else {
    memory.writePending(sitting.persona.name, "");
  }
  if (sitting.live?.stopping) stop(sitting);
}

function showState(sitting, view, stored, { aloud = false } = {}) {
  if (stored.state === "open") {
    return listen(sitting, view, () => service.resume(view.id, 0, sitting.conversation.token, sitting.signal));
  }
  view.clear();
  view.append(stored.reply ?? "");
  return conclude(sitting, view, stored, { aloud });
}

/** The reply ended, one way or another. */
function conclude(sitting, view, { state, version, rating = null, error = null }, { aloud }) {
  const { title } = sitting.persona;
  if (state === "complete") {
    view.finished = true;
    view.finish(version);
    view.rate(ratingOf(sitting, view, rating));
    if (aloud) page.announce(`${title}: ${view.replied}`);
    return;
  }
  const words = describeEnd(state, title);
  const label = state === "cancelled" ? "Answer again" : "Try again";
  view.end(words, label, () => regenerate(sitting, view), { again: true, why: error?.message });
  if (aloud) page.announce(words);
}

function ratingOf(sitting, view, rating) {
  const { token } = sitting.conversation;
  return createRating({
    id: view.id,
    reply: view.replied,
    reasons: sitting.persona.reasons,
    rating,
    put: (value) => service.putRating(view.id, value, token),
    withdraw: () => service.deleteRating(view.id, token),
    again: () => regenerate(sitting, view),
    announce: page.announce,
  });
}

/** The connection was lost while a reply was written, and could not be taken up again. */
function lose(sitting, view) {
  const words = `The connection was lost while ${sitting.persona.title} was writing.`;
  const retry = () => {
    removeEventListener("online", retry);
    if (!sitting.signal.aborted && !sitting.live) find(sitting, view);
  };
  addEventListener("online", retry, { once: true });
  view.end(words, "Try again", () => {
    sitting.composer.focus();
    retry();
  });
  page.announce(words);
}

/** Look up at the service what became of a lost reply. */
async function find(sitting, view) {
  view.say("Reconnecting…");
  try {
    const stored = (await service.readConversation(sitting.conversation, sitting.signal)).find(({ id }) => id === view.id);
    if (!stored) throw new service.Problem({ status: 404 });
    await showState(sitting, view, stored, { aloud: true });
  } catch (problem) {
    if (sitting.signal.aborted) return;
    lose(sitting, view);
    if (problem.gone) offerNew(sitting, problem);
  }
}

/** The service did not take the message: it is a draft again, or the reply before stays as it was. */
function refuse(sitting, view, problem) {
  const { persona, conversation, composer, send } = sitting;
  page.announce("");
  if (view.before) {
    if (view.before.finished) view.remove();
    else page.showExchange(view.before, view);
  } else {
    view.remove();
    memory.writePending(persona.name, "");
    composer.putBack(view.message);
    if (page.isEmpty()) page.showWelcome(persona, send);
  }
  if (problem.gone && conversation) {
    offerNew(sitting, problem);
    return;
  }
  const [words, retry] = view.before
    ? [describe(problem, persona.title), () => regenerate(sitting, view.before)]
    : [describeUnsent(problem, persona.title), () => sendAgain(sitting, view.message, problem)];
  page.showNotice(words, "Try again", retry, problem.reference);
}

function offerNew(sitting, problem) {
  const words = "The service no longer knows this conversation. What you wrote is kept.";
  page.showNotice(words, "Begin a new one", sitting.beginAnew, problem.reference);
}

/** Send the draft; but when the service was not reached, look first whether it took the message after all. */
async function sendAgain(sitting, message, problem) {
  sitting.composer.focus();
  if (problem.status === 0 && sitting.conversation) {
    const exchanges = await service.readConversation(sitting.conversation, sitting.signal).catch(() => []);
    const newest = exchanges.at(-1);
    if (newest?.message === message && !sitting.shown.has(newest.id)) {
      sitting.composer.take(message);
      showStored(sitting, newest);
      return;
    }
  }
  if (sitting.composer.text) sitting.send(sitting.composer.text);
}
