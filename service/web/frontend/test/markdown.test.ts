import "./page";
import assert from "node:assert/strict";
import test from "node:test";
import { blocksOf, renderBlock, sanitise } from "../src/markdown";
import { PAYLOADS } from "./payloads";

const TAGS = new Set("A BLOCKQUOTE BR CODE DEL DIV EM H3 HR LI OL P PRE SPAN STRONG TABLE TBODY TD TH THEAD TR UL".split(" "));
const ATTRIBUTES = new Set(["href", "class", "start", "align", "target", "rel", "tabindex"]);

function shown(html: string): Element {
  const element = document.createElement("div");
  element.innerHTML = html;
  return element;
}

function render(text: string): Element {
  return shown(sanitise(blocksOf(text).map(renderBlock).join("")));
}

function complaints(root: Element): string[] {
  return [...root.querySelectorAll("*")].flatMap((element) => [
    ...(TAGS.has(element.tagName) ? [] : [`element ${element.tagName}`]),
    ...[...element.attributes].flatMap(({ name, value }) => [
      ...(ATTRIBUTES.has(name) ? [] : [`attribute ${name}`]),
      ...(name === "href" && !/^(https?:|mailto:)/i.test(value) ? [`href ${value}`] : []),
      ...(name === "class" && !/^(language-\S+|wide)$/.test(value) ? [`class ${value}`] : []),
    ]),
  ]);
}

test("there are a hundred payloads and more", () => {
  assert.ok(PAYLOADS.length >= 100, String(PAYLOADS.length));
});

for (const payload of PAYLOADS) {
  test(`harmless when rendered: ${JSON.stringify(payload).slice(0, 70)}`, () => {
    assert.deepEqual(complaints(render(payload)), []);
  });
  test(`harmless when only sanitised: ${JSON.stringify(payload).slice(0, 70)}`, () => {
    assert.deepEqual(complaints(shown(sanitise(payload))), []);
  });
}

test("HTML in a reply is shown as it was written", () => {
  assert.equal(render("Say <b>hi</b> & go").textContent?.trim(), "Say <b>hi</b> & go");
  assert.equal(render("<div>\nx\n</div>").textContent?.trim(), "<div>\nx\n</div>");
});

test("an image is a link that says what it shows, and loads nothing", () => {
  const link = render("![a cat](https://example.org/cat.png)").querySelector("a");

  assert.equal(link?.getAttribute("href"), "https://example.org/cat.png");
  assert.equal(link?.textContent, "a cat");
});

test("a link opens elsewhere and tells nobody where it was", () => {
  const link = render("[x](https://example.org)").querySelector("a");

  assert.equal(link?.getAttribute("target"), "_blank");
  assert.equal(link?.getAttribute("rel"), "noopener noreferrer nofollow ugc");
});

test("what a link says stays where its address is refused", () => {
  assert.equal(render("[the *text*](javascript:alert(1))").innerHTML.trim(), "<p>the <em>text</em></p>");
});

test("lists, quotes, tables, code and boxes to tick are what they are elsewhere", () => {
  const root = render("1. a\n2. b\n\n> q\n\n| h |\n|---|\n| c |\n\n```py\nx < 1\n```\n\n- [x] done\n- [ ] open");

  assert.equal(root.querySelectorAll("ol li").length, 2);
  assert.ok(root.querySelector("blockquote"));
  assert.equal(root.querySelector("td")?.textContent, "c");
  assert.equal(root.querySelector("code.language-py")?.textContent, "x < 1\n");
  assert.deepEqual([...root.querySelectorAll("ul li")].map((item) => item.textContent?.trim()), ["☑ done", "☐ open"]);
});

test("what scrolls can be reached with the keyboard", () => {
  const root = render("```\nx\n```\n\n| h |\n|---|\n| c |");

  assert.deepEqual([...root.querySelectorAll("pre, .wide")].map((element) => element.getAttribute("tabindex")), ["0", "0"]);
});

test("one line below another stays there", () => {
  assert.equal(render("a\nb").querySelectorAll("br").length, 1);
});
