// The first load: defines `<attune-chat>`, and puts one on the page when its script tag names a persona.

import { AttuneChat, home } from "./element";

// Only known while the script itself runs.
const script = document.currentScript as HTMLScriptElement | null;
if (script?.src) home.address = new URL(".", script.src).href;

if (!customElements.get("attune-chat")) customElements.define("attune-chat", AttuneChat);

function insert({ dataset, parentElement }: HTMLScriptElement): void {
  const element = document.createElement("attune-chat");
  for (const name of ["persona", "src", "mode", "theme", "lang", "position", "open"]) {
    const value = dataset[name];
    if (value !== undefined) element.setAttribute(name, value);
  }
  if (dataset.mode === "inline" && parentElement !== document.head) script!.after(element);
  else document.body.append(element);
}

if (script?.dataset.persona !== undefined) {
  if (document.body) insert(script);
  else addEventListener("DOMContentLoaded", () => insert(script));
}
