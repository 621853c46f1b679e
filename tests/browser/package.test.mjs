/** What is in the package: files that can be traced to their sources, and types that hold in every way to import them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { SourceMap } from "node:module";
import { basename, join } from "node:path";
import { before, test } from "node:test";
import { shopFolder, write } from "./installed.mjs";
import { root } from "./stage.mjs";

/** @type {string} */
let folder;
/** @type {string} the package's dist, as npm installed it */
let dist;
/** @type {string[]} */
let files;
before(async (t) => {
  folder = await shopFolder(/** @type {any} */ (t), {});
  dist = join(folder, "node_modules", "beckon", "dist");
  files = (await readdir(dist)).sort();
});

/** @param {string | Buffer} bytes */
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

test("every script has a source map that leads back to the line it was written as", async () => {
  /** Texts that minifying leaves alone, by the file that they are written in. @type {Record<string, string>} */
  const landmarks = { "beckon.js": "/v1/events", "react.js": "view_promotion", "tier1.js": "/v1/bundle" };
  const scripts = files.filter((name) => /\.c?js$/.test(name));
  assert(scripts.includes("beckon.js") && scripts.includes("react.cjs"), scripts.join());
  for (const name of scripts) {
    const code = await readFile(join(dist, name), "utf8");
    const comment = /\n\/\/# sourceMappingURL=(.+)\s*$/.exec(code)?.[1];
    // Tier 0 is on every page before anything else, and goes without.
    assert.equal(comment, /^(beckon|script).js$/.test(name) ? undefined : `${name}.map`, name);
    const payload = JSON.parse(await readFile(join(dist, `${name}.map`), "utf8"));
    const map = new SourceMap(payload);
    for (const [index, source] of payload.sources.entries()) {
      const landmark = landmarks[basename(source)];
      if (!landmark) continue;
      const lines = code.split("\n");
      const line = lines.findIndex((text) => text.includes(landmark));
      const origin = /** @type {import("node:module").SourceMapping} */ (
        map.findEntry(line, lines[line].indexOf(landmark))
      );
      assert.equal(origin.originalSource, source, name);
      assert.match(payload.sourcesContent[index].split("\n")[origin.originalLine], new RegExp(landmark), name);
    }
  }
});

test("provenance.json tells the bytes of every file and what the Wasm was made from", async () => {
  const { files: stated, wasm } = JSON.parse(await readFile(join(dist, "provenance.json"), "utf8"));
  const shipped = files.filter((name) => !name.endsWith(".map") && name !== "provenance.json");
  assert.deepEqual(Object.keys(stated).sort(), shipped);
  for (const name of shipped) {
    const bytes = await readFile(join(dist, name));
    assert.deepEqual(stated[name], { bytes: bytes.length, sha256: sha256(bytes) }, name);
  }
  const paths = [];
  for (const path of wasm.sources.files) {
    const entries = await readdir(join(root, path), { recursive: true, withFileTypes: true }).catch(() => null);
    if (!entries) paths.push(path);
    else
      for (const entry of entries)
        if (entry.isFile()) paths.push(join(entry.parentPath, entry.name).slice(root.length));
  }
  const lines = await Promise.all(
    paths.sort().map(async (path) => `${sha256(await readFile(join(root, path)))}  ${path}\n`),
  );
  assert.equal(sha256(lines.join("")), wasm.sources.sha256);
  assert.match(wasm.rustc, /^rustc 1\.\d+/);
  assert.match(wasm.optimizer, /^binaryen \d/);
  for (const [, path] of JSON.stringify({ wasm }).matchAll(/"([^"]*\/[^"]*)"/g)) {
    assert.doesNotMatch(path, /^\//, "a path of the machine would make every build another one");
  }
});

/** What a strict shop writes. Each line that is marked must be refused. */
const STRICT = `
import { type Beckon, type Decision, init } from "beckon";
import { BeckonProvider, Slot, useBeckon, useDecision } from "beckon/react";
import { createElement } from "react";

const beckon: Beckon = init({ key: "pk_test", endpoint: "https://collect.shop.example", consent: "pending" });
beckon.track("add_to_cart", { items: [{ item_id: "sku7", price: 89, item_brand: "Tarn" }], currency: "EUR", color: "red" });
beckon.track("seen_by_the_shop_alone");
const decision: Decision<{ title: string }> = beckon.decide("hero", { fallback: { title: "Hello" } });
const title: string = decision.content.title;
beckon.decide("hero").content.whatever.the.offers.hold;
const stop: () => void = beckon.onDecision("hero", (better) => { const offer: string | null = better.offer; void offer; });
export const shown = [title, stop, useBeckon, useDecision("hero", { fallback: 1, follow: true }).arm];
createElement(BeckonProvider, { options: { key: "pk_test", endpoint: "https://collect.shop.example" } });
createElement(BeckonProvider, { instance: beckon });
createElement(Slot<{ title: string }>, { id: "hero", as: "section", className: "hero", children: ({ content }) => content.title });
// @ts-expect-error the key is missing
init({ endpoint: "https://collect.shop.example" });
// @ts-expect-error no such choice
beckon.consent("maybe");
// @ts-expect-error an item has an id
beckon.track("add_to_cart", { items: [{ price: 89 }] });
// @ts-expect-error a provider takes options or an instance
createElement(BeckonProvider, { options: { key: "pk_test", endpoint: "" }, instance: beckon });
// @ts-expect-error the content is like its fallback
beckon.decide("hero", { fallback: { title: "Hello" } }).content.name;
// @ts-expect-error a slot has an id
createElement(Slot, { children: () => null });
`;

for (const { name, file, module, resolution } of [
  { name: "a bundler", file: "strict.ts", module: "esnext", resolution: "bundler" },
  { name: "Node's modules", file: "strict.mts", module: "nodenext", resolution: "nodenext" },
  { name: "Node's require", file: "strict.cts", module: "node16", resolution: "node16" },
]) {
  test(`the types hold, their own files included, for ${name}`, async () => {
    await write(folder, { [file]: STRICT });
    const flags = [
      "--strict",
      "--noEmit",
      "--exactOptionalPropertyTypes",
      "--skipLibCheck",
      "false",
      "--types",
      "react",
    ];
    const args = [...flags, "--target", "es2022", "--lib", "es2022,dom", "--module", module];
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    try {
      execFileSync(process.execPath, [tsc, ...args, "--moduleResolution", resolution, file], { cwd: folder });
    } catch (error) {
      assert.fail(`${/** @type {any} */ (error).stdout}`);
    }
  });
}

test("everything in the types is documented, down to the members", async () => {
  for (const name of files.filter((file) => file.endsWith(".d.ts"))) {
    const lines = (await readFile(join(dist, name), "utf8")).split("\n");
    for (const [index, line] of lines.entries()) {
      const declares =
        /^export (declare )?(interface|function|type|const) |^ {2,6}(\w+\??|\[\w+: string\])(<.*>)?[:(] ?/.test(line);
      // The parameters of a method that takes several lines belong to what was said of the method.
      if (!declares || (/^ {4}/.test(line) && /\($/.test(lines[index - 1])) || /^ {4}options\?: \{/.test(line))
        continue;
      assert.match(lines[index - 1] ?? "", /\*\/$/, `${name}: ${line}`);
    }
  }
});
