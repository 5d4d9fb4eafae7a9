// Builds the element into ../dist. The same sources and the same package-lock.json always give the same bytes.
//
//   node build.mjs            everything: widget.js, its lazy parts, locales, manifest.json, THIRD_PARTY_LICENSES
//   node build.mjs --tests    the unit tests into .tests/, for `node --test`

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "../dist");
const locales = readdirSync(join(here, "src/locales")).filter((name) => name.endsWith(".json") && name !== "en.json").sort();
const define = (parts) => ({ PARTS: JSON.stringify(parts), LOCALES: JSON.stringify(locales.map((name) => name.replace(".json", ""))) });

const styles = {
  name: "styles",
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, "utf8"), { loader: "css", minify: true, target: "es2022" });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

async function bundle(name, format, parts = {}) {
  const { outputFiles, metafile } = await build({
    entryPoints: [join(here, `src/${name}.ts`)],
    absWorkingDir: here,
    bundle: true,
    minify: true,
    format,
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    plugins: [styles],
    define: define(parts),
    metafile: true,
    write: false,
  });
  return { bytes: Buffer.from(outputFiles[0].contents), inputs: Object.keys(metafile.inputs) };
}

async function buildAll() {
  const lazy = { extras: await bundle("extras", "esm"), highlight: await bundle("highlight", "esm") };
  const parts = Object.fromEntries(Object.entries(lazy).map(([name, { bytes }]) => [name, digest("sha256", bytes, "hex").slice(0, 8)]));
  const widget = await bundle("widget", "iife", parts);
  const files = [
    ["widget.js", "first", widget.bytes],
    ["extras.js", "lazy", lazy.extras.bytes],
    ["highlight.js", "lazy", lazy.highlight.bytes],
    ...locales.map((name) => [`locales/${name}`, "locale", Buffer.from(JSON.stringify(JSON.parse(readFileSync(join(here, "src/locales", name), "utf8"))))]),
  ];
  rmSync(join(dist, "locales"), { recursive: true, force: true });
  mkdirSync(join(dist, "locales"), { recursive: true });
  for (const [name, , bytes] of files) writeFileSync(join(dist, name), bytes);
  const manifest = Object.fromEntries(
    files.map(([name, part, bytes]) => [name, { part, bytes: bytes.length, integrity: `sha384-${digest("sha384", bytes, "base64")}` }]),
  );
  writeFileSync(join(dist, "manifest.json"), `${JSON.stringify({ files: manifest }, null, 2)}\n`);
  const inputs = [widget, lazy.extras, lazy.highlight].flatMap(({ inputs }) => inputs);
  writeFileSync(join(dist, "THIRD_PARTY_LICENSES"), licences(inputs));
}

/** The licences of the packages that something of went into the bundles. */
function licences(inputs) {
  const names = new Set(inputs.flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []));
  const sections = [...names].sort().map((name) => {
    const folder = join(here, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[sc]e/i.test(entry));
    const text = file ? readFileSync(join(folder, file), "utf8").trim() : "";
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
  const intro = "widget.js, extras.js and highlight.js contain parts of the following packages.\n";
  return [intro, ...sections].join(`\n${"-".repeat(80)}\n\n`);
}

async function buildTests() {
  rmSync(join(here, ".tests"), { recursive: true, force: true });
  await build({
    entryPoints: readdirSync(join(here, "test")).filter((name) => name.endsWith(".test.ts")).map((name) => join(here, "test", name)),
    absWorkingDir: here,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    packages: "external",
    plugins: [styles],
    define: define({}),
    outdir: join(here, ".tests"),
    outExtension: { ".js": ".mjs" },
  });
}

function digest(algorithm, bytes, encoding) {
  return createHash(algorithm).update(bytes).digest(encoding);
}

await (process.argv.includes("--tests") ? buildTests() : buildAll());
