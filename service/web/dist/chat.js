// The hosted chat page: who there is to talk with, what was said before, and where a message goes. Read this one first;
// `reply.js` tells how a reply comes about.

import { createConversation, listPersonas, readConversation } from "./client.js";
import { createComposer } from "./composer.js";
import * as memory from "./memory.js";
import * as page from "./page.js";
import { ask, setLive, showStored, stop } from "./reply.js";
import { describe } from "./words.js";

const composer = createComposer({
  send,
  stop: () => here && stop(here),
  keep: (text) => here && memory.writeDraft(here.persona.name, text),
});

/**
 * The sitting with one persona. `signal` aborts when another one is turned to, `ready` resolves when the history is
 * shown, `live` is the reply being written or null, `shown` the ids of the exchanges on the page.
 */
let here = null;

async function start() {
  let personas;
  try {
    personas = await listPersonas();
  } catch (problem) {
    page.showNotice(describe(problem), "Try again", start, problem.reference);
    return;
  }
  if (personas.length === 0) {
    page.showNotice("There is nobody to talk with yet: the service has no persona.", "Look again", start);
    return;
  }
  const current = personas.find((persona) => persona.name === memory.readPersona()) ?? personas[0];
  page.offerPersonas(personas, current, (persona) => {
    memory.writePersona(persona.name);
    enter(persona);
  });
  enter(current);
  composer.focus();
}

/** Turn to a persona. A reply that another one is writing goes on at the service and is found again later. */
function enter(persona) {
  here?.leave();
  const controller = new AbortController();
  const sitting = {
    persona,
    composer,
    send,
    conversation: memory.readConversation(persona.name),
    shown: new Set(),
    live: null,
    signal: controller.signal,
    leave: () => controller.abort(),
    beginAnew: () => beginAnew(sitting),
  };
  here = sitting;
  page.turnTo(persona);
  setLive(sitting, null);
  composer.address(persona.title);
  composer.text = memory.readDraft(persona.name);
  sitting.ready = restore(sitting);
}

/** Show what was said before; begin anew when the service no longer knows the conversation. */
async function restore(sitting) {
  try {
    const known = sitting.conversation ? await readConversation(sitting.conversation, sitting.signal) : [];
    if (!sitting.signal.aborted) showHistory(sitting, known);
  } catch (problem) {
    if (sitting.signal.aborted) return;
    if (problem.gone) beginAnew(sitting);
    else page.showNotice(describe(problem, sitting.persona.title), "Try again", () => enter(sitting.persona), problem.reference);
  }
}

function showHistory(sitting, exchanges) {
  takeBackPending(sitting, exchanges);
  const { variants = [] } = sitting.conversation ?? {};
  let asked = false; // whether the message that this exchange answers is on the page
  exchanges.forEach((exchange, index) => {
    if (!variants.includes(exchange.id)) asked = false;
    const triedAgain = variants.includes(exchanges[index + 1]?.id);
    if (triedAgain && exchange.state !== "complete") return;
    showStored(sitting, exchange, asked);
    asked = true;
  });
  if (exchanges.length === 0) page.showWelcome(sitting.persona, send);
  page.goToEnd();
}

/** A message that was under way when the page was left, and never reached the service, is a draft again. */
function takeBackPending(sitting, exchanges) {
  const pending = memory.readPending(sitting.persona.name);
  memory.writePending(sitting.persona.name, "");
  if (pending && exchanges.at(-1)?.message !== pending) composer.putBack(pending);
}

function beginAnew(sitting) {
  memory.writeConversation(sitting.persona.name, null);
  sitting.conversation = null;
  sitting.shown.clear();
  page.turnTo(sitting.persona);
  takeBackPending(sitting, []);
  page.showWelcome(sitting.persona, send);
  composer.focus();
}

async function send(message) {
  const sitting = here;
  await sitting?.ready;
  if (!sitting || sitting !== here || sitting.live) return;
  page.hideNotice();
  memory.writePending(sitting.persona.name, message);
  composer.take(message);
  await ask(sitting, message, async () => {
    if (sitting.conversation) return;
    sitting.conversation = await createConversation(sitting.persona.name);
    memory.writeConversation(sitting.persona.name, sitting.conversation);
  });
}

page.watchConnection();
start();
