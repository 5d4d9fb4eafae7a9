// What is done to a block of code once it is finished: a button to copy it, and colours, loaded when they are first wanted.

import { sanitise } from "./markdown";

export interface Highlighter {
  /** The code as HTML; null when the language is not known. */
  highlight(code: string, language: string): string | null;
}

interface Tools {
  /** What the button says. */
  label(): string;
  copy(text: string): void;
  highlighter(): Promise<Highlighter>;
}

/** Dress the blocks of code among these nodes. */
export function dressCode(nodes: ChildNode[], tools: Tools): void {
  for (const node of nodes) {
    if (!(node instanceof Element)) continue;
    for (const pre of node.localName === "pre" ? [node] : node.querySelectorAll("pre")) dress(pre, tools);
  }
}

function dress(pre: Element, tools: Tools): void {
  const code = pre.firstElementChild;
  if (!code) return;
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
  if (language && text.length < 20_000) void colour(code, text, language, tools);
}

async function colour(code: Element, text: string, language: string, tools: Tools): Promise<void> {
  try {
    const html = (await tools.highlighter()).highlight(text, language);
    if (html) code.innerHTML = sanitise(html);
  } catch {
    // Without colours it reads as well.
  }
}
