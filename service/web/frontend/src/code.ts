// What is done to a block of code once it is finished: a button to copy it, and colours, loaded when they are first wanted.

import type { CodeTools } from "./scene";

const MOST = 20_000; // characters; colours for more would be felt

/** Dress the blocks of code among these nodes. */
export function dressCode(nodes: ChildNode[], tools: CodeTools): void {
  for (const node of nodes) {
    if (!(node instanceof Element)) continue;
    for (const pre of node.localName === "pre" ? [node] : node.querySelectorAll("pre")) dress(pre, tools);
  }
}

function dress(pre: Element, tools: CodeTools): void {
  const code = pre.firstElementChild;
  if (!code || pre.parentElement?.className === "code") return;
  const text = code.textContent ?? "";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy-code";
  button.textContent = tools.label();
  button.addEventListener("click", () => tools.copy(text.replace(/\n$/, "")));
  const frame = document.createElement("div");
  frame.className = "code";
  pre.replaceWith(frame);
  frame.append(pre, button);
  const language = /language-(\S+)/.exec(code.className)?.[1];
  if (language && text.length < MOST) void colour(code, text, language, tools);
}

async function colour(code: Element, text: string, language: string, { highlight, clean }: CodeTools): Promise<void> {
  try {
    const html = await highlight(text, language);
    if (html) code.innerHTML = clean(html);
  } catch {
    // Without colours it reads as well.
  }
}
