// Every language says all that English says, with the same places for names and numbers.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

type Table = Record<string, string>;

const FOLDER = fileURLToPath(new URL("../src/locales/", import.meta.url));
const read = (name: string): Table => JSON.parse(readFileSync(FOLDER + name, "utf8"));
const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
const english: Table = Object.assign({}, ...files.filter((name) => name.startsWith("en.")).map(read));
const others = files.filter((name) => !name.startsWith("en.")).sort();
const wordsOf = (table: Table) => Object.keys(table).filter((key) => !key.startsWith("reason_")).sort();
const reasonsOf = (table: Table) => Object.keys(table).filter((key) => key.startsWith("reason_")).sort();
const placesOf = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();

test("the seven languages are there", () => {
  assert.deepEqual(others, ["ar.json", "de.json", "es.json", "fr.json", "ja.json", "zh.json"]);
});

for (const name of others) {
  const table = read(name);

  test(`${name} has every word of English and no other, none of them empty`, () => {
    assert.deepEqual(wordsOf(table), wordsOf(english));
    assert.deepEqual(Object.keys(table).filter((key) => !table[key].trim()), []);
  });

  test(`${name} names the same places in every word`, () => {
    for (const key of wordsOf(english)) assert.deepEqual(placesOf(table[key]), placesOf(english[key]), key);
  });

  test(`${name} has the same reasons as the other languages`, () => {
    assert.deepEqual(reasonsOf(table), reasonsOf(read(others[0])));
  });

  test(`${name} says nothing in English that English says in words of its own`, () => {
    const same = wordsOf(english).filter((key) => table[key] === english[key] && !["dir", "in_seconds"].includes(key));
    assert.deepEqual(same, []);
  });
}

test("only Arabic is written from right to left", () => {
  assert.deepEqual(others.filter((name) => read(name).dir === "rtl"), ["ar.json"]);
});

test("every reason of the personas that ship has words in every language", () => {
  const personas = fileURLToPath(new URL("../../../../persona_prompts/", import.meta.url));
  const texts = readdirSync(personas).filter((name) => name.endsWith(".md")).map((name) => readFileSync(personas + name, "utf8"));
  const reasons = texts.flatMap((text) => [...text.matchAll(/^ {2}(?:up|down): \[([^\]]*)\]/gm)].flatMap(([, keys]) => keys.split(/,\s*/)));
  assert.ok(reasons.length > 0);
  for (const name of others) {
    const table = read(name);
    assert.deepEqual(reasons.filter((reason) => !table[`reason_${reason}`]), [], name);
  }
});
