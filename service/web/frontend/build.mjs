// Builds the element into ../dist. The same sources and the same package-lock.json always give the same bytes.
//
//   node build.mjs            everything: widget.js, its lazy parts, locales, manifest.json, THIRD_PARTY_LICENSES
//   node build.mjs --tests    the unit tests into .tests/, for `node --test`

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";
import { minify } from "terser";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "../dist");
const locales = readdirSync(join(here, "src/locales")).filter((name) => /^(?!en\.).*\.json$/.test(name)).sort();
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

// marked makes an instance of itself when it is loaded, which nobody here uses and no bundler can leave out.
const lean = {
  name: "lean",
  setup({ onLoad }) {
    onLoad({ filter: /marked\.esm\.js$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      const end = /var (\w+)=new \w+;function \w+\(\w+,\w+\)\{return \1\.parse\(/.exec(text)?.index;
      const names = ["Lexer", "Parser", "Renderer"].map((name) => new RegExp(`([\\w$]+) as ${name}[,}]`).exec(text.slice(end))?.[1]);
      if (!end || names.includes(undefined)) throw new Error("marked is built in another way now: look at `lean` in build.mjs");
      return { contents: `${text.slice(0, end)}export{${names[0]} as Lexer,${names[1]} as Parser,${names[2]} as Renderer};` };
    });
  },
};

/** `parts` are the marks of the lazy parts; null for such a part itself. */
async function bundle(name, format, parts) {
  const { outputFiles, metafile } = await build({
    entryPoints: [join(here, `src/${name}.ts`)],
    absWorkingDir: here,
    bundle: true,
    minify: true,
    format,
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    plugins: [styles, lean],
    alias: parts === null ? { "lit-html": join(here, "src/lazy-lit.ts") } : {},
    define: define(parts ?? {}),
    preserveSymlinks: true,
    metafile: true,
    write: false,
  });
  // esbuild bundles; terser makes it smaller by another part in thirty.
  const { code } = await minify(outputFiles[0].text, { ecma: 2020, module: format === "esm", compress: { passes: 3, unsafe_arrows: true, unsafe_methods: true, keep_fargs: false }, format: { comments: false } });
  return { bytes: Buffer.from(code), inputs: Object.keys(metafile.inputs) };
}

async function buildAll() {
  const lazy = { extras: await bundle("extras", "esm", null), highlight: await bundle("highlight", "esm", null) };
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
    external: ["jsdom"],
    plugins: [styles, lean],
    define: define({}),
    outdir: join(here, ".tests"),
    outExtension: { ".js": ".mjs" },
  });
}

function digest(algorithm, bytes, encoding) {
  return createHash(algorithm).update(bytes).digest(encoding);
}

await (process.argv.includes("--tests") ? buildTests() : buildAll());
