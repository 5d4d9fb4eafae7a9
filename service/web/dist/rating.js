// The rating of one reply: saved with one click, explained only by those who want to.

import { describeUnsaved, spell } from "./words.js";

const QUESTIONS = { up: "What was good?", down: "What was wrong?" };

/**
 * The controls below a finished reply. `reasons` are the persona's keys for either thumb, `rating` what was saved
 * before or null, `put` and `withdraw` store and resolve when stored, `again` asks for another answer.
 */
export function createRating({ id, reply, reasons, rating, put, withdraw, again, announce }) {
  const root = document.getElementById("rating-template").content.cloneNode(true).firstElementChild;
  const find = (selector) => root.querySelector(selector);
  const [up, down, more, panel, trouble] = [".up", ".down", ".more", ".panel", ".trouble"].map(find);
  const { comment, correction } = panel.elements;

  let shown = rating; // what the page says
  let saved = rating; // what the service said last
  let turn = 0;
  let queue = Promise.resolve();
  let filled = null; // the thumb that the panel asks about

  function render() {
    if (shown && shown.rating !== filled) fill(shown);
    up.setAttribute("aria-pressed", String(shown?.rating === "up"));
    down.setAttribute("aria-pressed", String(shown?.rating === "down"));
    more.hidden = !shown || !panel.hidden;
    more.textContent = isExplained(shown) ? "Edit what you told us" : "Tell us more";
    more.setAttribute("aria-expanded", String(!panel.hidden));
  }

  /** Show the new rating at once, store it in turn, and take it back in words when that fails. */
  function save(next, words) {
    const mine = (turn += 1);
    shown = next;
    trouble.hidden = true;
    render();
    queue = queue.then(() => (next ? put(next) : withdraw())).then(
      () => {
        saved = next;
        if (mine === turn) announce(words);
      },
      (problem) => {
        if (mine === turn) rollBack(problem, next, words);
      },
    );
    return queue;
  }

  function rollBack(problem, next, words) {
    shown = saved;
    find(".thanks").hidden = true;
    if (shown?.rating !== next?.rating) close();
    trouble.hidden = false;
    trouble.firstElementChild.textContent = describeUnsaved(problem);
    trouble.querySelector("button").onclick = () => save(next, words);
    render();
  }

  function press(thumb) {
    find(".thanks").hidden = true;
    if (shown?.rating === thumb) {
      close();
      save(null, "Rating withdrawn.");
      return;
    }
    const next = { rating: thumb, reasons: [], comment: "", correction: null };
    fill(next);
    panel.hidden = thumb === "up";
    save(next, thumb === "up" ? "Rated good." : "Rated bad. You can say why below.");
    if (thumb === "down") reveal();
  }

  /** Make the panel say what this rating says. */
  function fill(value) {
    filled = value.rating;
    panel.querySelector("legend").textContent = QUESTIONS[value.rating];
    panel.querySelector(".reasons").hidden = !reasons[value.rating]?.length;
    panel.querySelector(".chips").replaceChildren(...(reasons[value.rating] ?? []).map((key) => chip(key, value.reasons.includes(key))));
    comment.value = value.comment ?? "";
    correction.value = value.correction ?? reply;
    panel.querySelector(".correction").hidden = value.rating === "up";
  }

  function readPanel() {
    const text = correction.value.trim();
    return {
      rating: shown.rating,
      reasons: [...panel.querySelectorAll("input:checked")].map((input) => input.value),
      comment: comment.value.trim(),
      correction: shown.rating === "down" && text && text !== reply.trim() ? text : null,
    };
  }

  function open() {
    panel.hidden = false;
    render();
    reveal();
    panel.querySelector("input, textarea").focus();
  }

  function close() {
    panel.hidden = true;
    render();
  }

  function reveal() {
    root.scrollIntoView({ block: "nearest" });
  }

  up.addEventListener("click", () => press("up"));
  down.addEventListener("click", () => press("down"));
  more.addEventListener("click", open);
  find(".again").addEventListener("click", again);
  find(".close").addEventListener("click", () => {
    close();
    more.focus();
  });
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    close();
    more.focus();
  });
  panel.addEventListener("submit", (event) => {
    event.preventDefault();
    find(".thanks").hidden = false;
    panel.hidden = true;
    save(readPanel(), "Thank you. Saved.");
    more.focus();
  });

  panel.id = `about-${id}`;
  more.setAttribute("aria-controls", panel.id);
  render();
  return root;
}

function isExplained(rating) {
  return Boolean(rating && (rating.reasons.length || rating.comment || rating.correction));
}

function chip(key, checked) {
  const label = document.getElementById("chip-template").content.cloneNode(true).firstElementChild;
  const input = label.querySelector("input");
  input.value = key;
  input.checked = checked;
  label.querySelector("span").textContent = spell(key);
  return label;
}
