// What surrounds the conversation: choice of persona, welcome, notices, and what a screen reader is told.

import { followEnd } from "./scroll.js";
import { SUGGESTIONS } from "./words.js";

const welcome = document.getElementById("welcome");
const exchanges = document.getElementById("exchanges");
const scroller = document.getElementById("scroller");
const notice = document.getElementById("notice");
const status = document.getElementById("status");
const chooser = document.getElementById("personas");

/** Go to the end of the conversation and stay there while it grows. */
export const goToEnd = followEnd(scroller, document.getElementById("content"), document.getElementById("jump"));

/** Offer the personas, quietly when there is only one. */
export function offerPersonas(personas, current, choose) {
  const segments = personas.map((persona) => {
    const label = document.getElementById("persona-template").content.cloneNode(true).firstElementChild;
    const input = label.querySelector("input");
    input.value = persona.name;
    input.checked = persona === current;
    input.addEventListener("change", () => choose(persona));
    label.querySelector("span").textContent = persona.title;
    return label;
  });
  chooser.append(...segments);
  chooser.hidden = personas.length < 2;
}

/** Clear the page for a conversation with this persona. */
export function turnTo(persona) {
  document.title = `${persona.title} · Attune`;
  scroller.setAttribute("aria-label", `Conversation with ${persona.title}`);
  exchanges.replaceChildren();
  welcome.hidden = true;
  hideNotice();
  announce("");
}

export function showWelcome(persona, suggest) {
  welcome.querySelector(".who").textContent = persona.title;
  welcome.querySelector(".greeting").textContent = persona.greeting || `Say something to ${persona.title}.`;
  const buttons = SUGGESTIONS.map((text) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "suggestion";
    button.textContent = text;
    button.addEventListener("click", () => suggest(text));
    return button;
  });
  welcome.querySelector(".suggestions").replaceChildren(...buttons);
  welcome.hidden = false;
}

/** Show an exchange at the end, or in the place of one that failed. */
export function showExchange(view, inPlaceOf = null) {
  welcome.hidden = true;
  if (inPlaceOf) inPlaceOf.element.replaceWith(view.element);
  else exchanges.append(view.element);
}

export function isEmpty() {
  return exchanges.childElementCount === 0;
}

/** Words above the composer, with a way out where there is one. */
export function showNotice(words, label = "", action = null, reference = "") {
  const [text, button] = notice.children;
  notice.hidden = false;
  notice.title = reference && `Reference: ${reference}`;
  text.textContent = words;
  button.hidden = !action;
  button.textContent = label;
  button.onclick = () => {
    hideNotice();
    action();
  };
}

export function hideNotice() {
  notice.hidden = true;
}

/** Say when the browser goes offline, unless there is something to say already, and take it back when it returns. */
export function watchConnection() {
  const words = "You are offline. What you write is kept.";
  addEventListener("offline", () => notice.hidden && showNotice(words));
  addEventListener("online", () => notice.firstElementChild.textContent === words && hideNotice());
}

/** Tell a screen reader, politely. */
export function announce(words) {
  status.textContent = words;
}

export function setBusy(busy) {
  scroller.setAttribute("aria-busy", String(busy));
}
