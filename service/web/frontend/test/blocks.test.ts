import "./page";
import assert from "node:assert/strict";
import test from "node:test";
import { Blocks } from "../src/blocks";
import { blocksOf, renderBlock } from "../src/markdown";

const TEXTS = {
  words: "Hello there.\n\nHow are *you*?\nI am **fine**.",
  loose: "- a\n\n- b\n\n  still b\n\n- c\n\nnot a list\n\n1. one\n2. two\n   - inner\n     - more\n3. three",
  heads: "Title\n=====\n\nSub\n---\n\n# A\ntext\n## B\n\n---\n\nend",
  code: "before\n\n```js\nlet a = 1;\n\n\nlet b = `x`;\n```\nafter\n\n    indented\n\n    more\n\n~~~\nopen to the end\n",
  table: "| a | b |\n|---|:-:|\n| 1 | 2 |\n| 3 | 4 |\n\nafter | it",
  quote: "> a\n> b\n\n> c\nlazy\n\n> - x\n>\n> - y\n\nz",
  html: "<div>\n*x*\n\n*y*\n</div>\n\n<b>z</b>",
  links: "See [one][1] and [two].\n\nText.\n\nMore [one][1].\n\n[1]: https://example.org/1\n[two]: https://example.org/2\n",
  mixed: "A\n- b\n- c\n\nd\n\n\n\n- e\n\n-\n\n- f\n\n1) g\n2) h\n\n***\n\n* i\n+ j\n",
  wide: "こんにちは。\n\nمرحبا *بك*\n\n👩‍👩‍👧 ok\n",
};

function whole(text: string): string {
  return blocksOf(text).filter(({ type }) => type !== "space" && type !== "def").map(renderBlock).join("");
}

/** What is on the page after the text came in these pieces. */
function streamed(pieces: string[]): string {
  const blocks = new Blocks();
  const shown: string[] = [];
  let text = "";
  for (const [index, piece] of [...pieces, ""].entries()) {
    text += piece;
    const { start, html } = blocks.take(text, index === pieces.length);
    shown.splice(start, shown.length, ...html);
  }
  return shown.join("");
}

for (const [name, text] of Object.entries(TEXTS)) {
  test(`${name}: character by character it becomes what it is as a whole`, () => {
    assert.equal(streamed([...text]), whole(text));
  });
  test(`${name}: however it is cut it becomes what it is as a whole`, () => {
    for (let seed = 1; seed <= 60; seed++) assert.equal(streamed(cut(text, seed)), whole(text), `seed ${seed}`);
  });
}

test("all of them behind each other become what they are as a whole", () => {
  const text = Object.values(TEXTS).join("\n\n");

  assert.equal(streamed([...text]), whole(text));
});

test("blocks that are finished are not rendered again", () => {
  const blocks = new Blocks();
  const text = "A.\n\nB.\n\nC.\n\nD.\n\n";

  blocks.take(text, false);

  assert.deepEqual(blocks.take(`${text}E`, false), { start: 2, html: ["<p>C.</p>\n", "<p>D.</p>\n", "<p>E</p>\n"] });
});

test("a long reply costs what its end costs, not what all of it costs", () => {
  const blocks = new Blocks();
  let rendered = 0;
  let text = "";
  for (let index = 0; index < 400; index++) {
    text += `Paragraph ${index} with some words.\n\n`;
    rendered += blocks.take(text, false).html.length;
  }

  assert.ok(rendered < 400 * 4, String(rendered));
});

/** Cut a text by chance, but always the same way for one seed. */
function cut(text: string, seed: number): string[] {
  const pieces: string[] = [];
  let state = seed;
  for (let at = 0; at < text.length; ) {
    state = (state * 1103515245 + 12345) % 2147483648;
    const length = 1 + (state % 17);
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  return pieces;
}
