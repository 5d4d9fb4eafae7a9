import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test from "node:test";
import { piecesOf } from "../src/announcer";
import { languageOf, localeOf, spell } from "../src/words";

const FOLDER = "src/locales";
const read = (name: string): Record<string, string> => JSON.parse(readFileSync(`${FOLDER}/${name}`, "utf8"));
const english = { ...read("en.json"), ...read("en.extras.json") };
const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

for (const file of readdirSync(FOLDER).filter((name) => !name.startsWith("en."))) {
  test(`${file} says everything that English says, with the same gaps to fill`, () => {
    const table = read(file);

    assert.deepEqual(Object.keys(english).filter((key) => !table[key]), []);
    for (const [key, text] of Object.entries(english)) assert.deepEqual(names(table[key]), names(text), key);
  });
}

test("gaps are filled, and those that nobody fills stay to be seen", () => {
  assert.equal(languageOf().words("replying", { title: "Ada" }), "Ada is replying");
  assert.equal(languageOf().words("replying"), "{title} is replying");
});

test("what a language lacks, or has as no text, is said in English", () => {
  const { words, dir } = languageOf({ send: "Senden", stop: 7, dir: "rtl" });

  assert.deepEqual([words("send"), words("stop"), words("close"), dir], ["Senden", "Stop", "Close", "rtl"]);
});

test("what a person is called cannot fill other gaps", () => {
  assert.equal(languageOf().words("message", { title: "{title}" }), "Your message to {title}");
});

test("a reason is read from its key, or from the language", () => {
  assert.equal(spell("off_character"), "Off character");
  assert.equal(languageOf({ reason_funny: "Lustig" }).reason("funny"), "Lustig");
});

test("a tag finds its language, its region's first", () => {
  const there = ["ar", "de", "pt-br", "zh"];

  assert.deepEqual(["de-AT", "pt-BR", "pt-PT", "zh-Hans-CN", "en-GB", "../x", ""].map((tag) => localeOf(tag, there)), [
    "de", "pt-br", null, "zh", null, null, null,
  ]);
});

test("a long text is told in pieces that end where sentences end, and nothing is lost", () => {
  const text = "One sentence of some words. ".repeat(60).trim();
  const pieces = piecesOf(text);

  assert.ok(pieces.length > 2 && pieces.every((piece) => piece.length <= 500 && piece.endsWith(".")));
  assert.equal(pieces.join(" "), text);
  assert.equal(piecesOf("字".repeat(1200)).join(""), "字".repeat(1200));
  assert.deepEqual(piecesOf("  "), []);
});
