// What is done to a block of code once it is finished: a button to copy it, and colours, loaded when they are first wanted.

import type { Host } from "./scene";

const MOST = 20_000; // characters; colours for more would be felt

/** Dress the blocks of code among these nodes. */
export function dressCode(nodes: ChildNode[], host: Host, copy: (text: string) => void): void {
  for (const node of nodes) {
    if (!(node instanceof Element)) continue;
    for (const pre of node.localName === "pre" ? [node] : node.querySelectorAll("pre")) dress(pre, host, copy);
  }
}

function dress(pre: Element, host: Host, copy: (text: string) => void): void {
  const code = pre.firstElementChild;
  if (!code || pre.parentElement?.className === "code") return;
  const text = code.textContent ?? "";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy-code";
  button.textContent = host.words("copy_code");
  button.addEventListener("click", () => copy(text.replace(/\n$/, "")));
  const frame = document.createElement("div");
  frame.className = "code";
  pre.replaceWith(frame);
  frame.append(pre, button);
  const language = /language-(\S+)/.exec(code.className)?.[1];
  if (language && text.length < MOST) void colour(code, text, language, host);
}

async function colour(code: Element, text: string, language: string, host: Host): Promise<void> {
  try {
    const html = await host.highlight(text, language);
    if (html) code.innerHTML = host.sanitise(html);
  } catch {
    // Without colours it reads as well.
  }
}
