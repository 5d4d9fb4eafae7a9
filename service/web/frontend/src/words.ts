// What the element says. English is inside; other languages are fetched, and what they lack is said in English.

import inside from "./locales/en.json";
import type later from "./locales/en.extras.json";

export type Key = keyof typeof inside | keyof typeof later;
export type Words = (key: Key, values?: Record<string, string | number>) => string;

export interface Language {
  words: Words;
  dir: "ltr" | "rtl";
  /** A reason's stable key as a person reads it. */
  reason(key: string): string;
}

/** English as far as it is loaded; the parts that are loaded later bring theirs. */
export const english: Record<string, string> = { ...inside };

/** The language of a table; whatever it lacks or has as something else than text is English. */
export function languageOf(table: Record<string, unknown> = {}): Language {
  const find = (key: string) => (typeof table[key] === "string" ? (table[key] as string) : english[key]);
  return {
    words: (key, values = {}) => (find(key) ?? "").replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole)),
    dir: table.dir === "rtl" ? "rtl" : "ltr",
    reason: (key) => find(`reason_${key}`) ?? spell(key),
  };
}

/** `off_character` becomes `Off character`. */
export function spell(key: string): string {
  const text = key.replaceAll(/[_-]+/g, " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The language that serves a tag best: `pt-BR` is `pt-br`, or else `pt`; null where there is none, and English serves. */
export function localeOf(tag: string, there: readonly string[]): string | null {
  const parts = tag.toLowerCase().split(/[-_]/);
  return [parts.slice(0, 2).join("-"), parts[0]].find((name) => there.includes(name)) ?? null;
}

/** Fetch a language; null where there is none, or none to be had now. */
export async function fetchLanguage(tag: string, folder: string): Promise<Language | null> {
  const name = localeOf(tag, LOCALES);
  if (!name) return null;
  try {
    return languageOf(await (await fetch(`${folder}/${name}.json`, { credentials: "omit" })).json());
  } catch {
    return null;
  }
}
