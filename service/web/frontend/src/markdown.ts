// Markdown becomes HTML here, and nowhere else does text become HTML. Two locks: what a model writes as HTML is shown as
// text, and what comes out is sanitised all the same.

import DOMPurify from "dompurify";
import { Lexer, Parser, Renderer, type Token, type Tokens } from "marked";

const LINK = /^(?:https?:|mailto:)/i;
const TAGS = "a blockquote br code del em h3 hr li ol p pre span strong table tbody td th thead tr ul div".split(" ");
const CLASSES = /^(?:language-[\w+#.-]{1,30}|wide|hljs-[\w -]{1,60})$/;

const CLEAN = Object.freeze({
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ["href", "class", "start", "align"],
  ALLOWED_URI_REGEXP: LINK,
  ADD_URI_SAFE_ATTR: ["start", "align"],
  ALLOW_ARIA_ATTR: false,
  ALLOW_DATA_ATTR: false,
  RETURN_TRUSTED_TYPE: true,
});

class Safe extends Renderer {
  /** HTML in a reply is something to read, not to run. */
  override html({ text, block }: Tokens.HTML | Tokens.Tag): string {
    return block ? `<p>${escape(text.trim())}</p>` : escape(text);
  }

  /** An image would tell its host that this was read: it becomes a link, to be opened by those who want to. */
  override image({ href, text }: Tokens.Image): string {
    return anchor(href, escape(text || href));
  }

  override link({ href, tokens }: Tokens.Link): string {
    return anchor(href, this.parser.parseInline(tokens));
  }

  override heading({ tokens }: Tokens.Heading): string {
    return `<h3>${this.parser.parseInline(tokens)}</h3>`;
  }

  override code({ text, lang = "" }: Tokens.Code): string {
    const language = /^[\w+#.-]{1,30}/.exec(lang)?.[0];
    return `<pre><code${language ? ` class="language-${language.toLowerCase()}"` : ""}>${escape(text)}\n</code></pre>`;
  }

  override table(token: Tokens.Table): string {
    return `<div class="wide">${super.table(token)}</div>`;
  }

  override checkbox({ checked }: Tokens.Checkbox): string {
    return checked ? "☑ " : "☐ ";
  }
}

const parser = new Parser({ renderer: new Safe(), gfm: true, breaks: true });

/** Split a text into its blocks. */
export function blocksOf(text: string): Token[] & { links: Record<string, unknown> } {
  return new Lexer({ gfm: true, breaks: true }).lex(text);
}

/** A block as HTML that has yet to be sanitised. */
export function renderBlock(block: Token): string {
  return parser.parse([block]);
}

/** Sanitise HTML. What comes out may be assigned to `innerHTML`, also where Trusted Types are required. */
export function sanitise(html: string): string {
  guard();
  return DOMPurify.sanitize(html, CLEAN) as unknown as string;
}

let guarded = false;

function guard(): void {
  if (guarded) return;
  guarded = true;
  DOMPurify.addHook("uponSanitizeAttribute", (_, attribute) => {
    if (attribute.attrName === "class" && !CLASSES.test(attribute.attrValue)) attribute.keepAttr = false;
  });
  DOMPurify.addHook("afterSanitizeAttributes", (element) => {
    if (element.localName === "a") {
      element.setAttribute("target", "_blank");
      element.setAttribute("rel", "noopener noreferrer nofollow ugc");
    }
    // What may be scrolled must be reachable by the keyboard.
    if (element.localName === "pre" || element.className === "wide") element.setAttribute("tabindex", "0");
  });
}

function anchor(href: string, inside: string): string {
  return LINK.test(href) ? `<a href="${escape(href)}">${inside}</a>` : inside;
}

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character]);
}
