/** What a server may rely on: the package is imported, started and called there, and does nothing. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { shopFolder } from "./installed.mjs";

/** Calls all of the API in turn, and prints what a page would have been shown and what was asked of the network. */
const CALLS = `
const asked = [];
for (const name of ["fetch", "WebSocket", "Worker"]) globalThis[name] = (...values) => void asked.push(values[0]);
export const answers = async (init) => {
  const beckon = init({ key: "pk_test", endpoint: "https://collect.shop.example", bootstrap: { decisions: {} } });
  beckon.track("view_item", { items: [{ item_id: "sku7" }] });
  beckon.page();
  beckon.identify("42", { plan: "gold" });
  beckon.consent("granted");
  const decision = beckon.decide("hero", { fallback: "own" });
  beckon.onDecision("hero", () => { throw new Error("nothing is decided on a server"); })();
  const also = await beckon.recommend("also", { n: 2 });
  await beckon.flush();
  beckon.reset();
  return { content: decision.content, source: decision.source, also, segments: beckon.segments(), asked };
};
`;
const SERVER = `
import { init } from "beckon";
import { answers } from "./calls.js";
export const render = () => answers(init);
`;

const EXPECTED = {
  content: "own",
  source: "fallback",
  also: { items: [], source: "fallback" },
  segments: [],
  asked: [],
};

/** @type {string} */
let folder;
/** @type {string[]} the exports that are modules, as package.json names them */
let modules;
before(async (t) => {
  folder = await shopFolder(/** @type {any} */ (t), { "calls.js": CALLS, "server.js": SERVER });
  const { exports } = JSON.parse(await readFile(join(folder, "node_modules/beckon/package.json"), "utf8"));
  modules = Object.keys(exports).filter((name) => !/\.\w+$/.test(name.slice(1)));
});

/** Runs a module in a bare Node of its own, in the shop's folder. @param {string} code @param {string} [type] */
const node = (code, type = "module") =>
  JSON.parse(
    execFileSync(process.execPath, [`--input-type=${type}`, "-e", code], { cwd: folder, encoding: "utf8" }).trim(),
  );

/** @param {string} name of an export of the package @returns {string} how it is imported */
const specifier = (name) => `beckon${name.slice(1)}`;

test("bare Node imports every export that is a module, and is free to end", () => {
  assert(modules.includes(".") && modules.includes("./react"), modules.join());
  for (const name of modules) {
    const names = node(`console.log(JSON.stringify(Object.keys(await import("${specifier(name)}"))))`);
    const wanted = { ".": ["init"], "./react": ["BeckonProvider", "Slot", "useBeckon", "useDecision"] }[name];
    if (wanted) assert.deepEqual(names.sort(), wanted, name);
  }
});

test("what is required gives the same as what is imported", () => {
  for (const name of modules) {
    const required = node(`console.log(JSON.stringify(Object.keys(require("${specifier(name)}")).sort()))`, "commonjs");
    const imported = node(`console.log(JSON.stringify(Object.keys(await import("${specifier(name)}")).sort()))`);
    assert.deepEqual(required, imported, name);
  }
});

for (const { name, start } of [
  { name: "bare Node", start: `import { render } from "./server.js"` },
  { name: "bare Node, required", start: `const { render } = await required()` },
]) {
  test(`${name}: all of the API does nothing`, () => {
    const required = `const required = async () => {
      const { createRequire } = await import("node:module");
      const { init } = createRequire(process.cwd() + "/x.cjs")("beckon");
      const { answers } = await import("./calls.js");
      return { render: () => answers(init) };
    };`;
    assert.deepEqual(node(`${required} ${start}; console.log(JSON.stringify(await render()))`), EXPECTED);
  });
}

/** @type {{ name: string, outDir: string, ssr: import("vite").SSROptions }[]} */
const BUILDS = [
  { name: "the package left outside", outDir: "outside", ssr: {} },
  { name: "the package bundled", outDir: "bundled", ssr: { noExternal: true } },
];
for (const { name, outDir, ssr } of BUILDS) {
  test(`Vite's build for a server, ${name}: all of the API does nothing`, async () => {
    const { build } = await import("vite");
    await build({ root: folder, configFile: false, logLevel: "error", ssr, build: { ssr: "server.js", outDir } });
    const code = `import { render } from "./${outDir}/server.js"; console.log(JSON.stringify(await render()))`;
    assert.deepEqual(node(code), EXPECTED);
  });
}
