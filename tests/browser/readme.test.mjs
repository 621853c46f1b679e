/** The examples of the package's README do what it says of them. An example that is not listed here fails. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFile, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { build } from "esbuild";
import { serve, shopFolder, write } from "./installed.mjs";
import { browser, root, until } from "./stage.mjs";

const START = `import { init } from "beckon";
const beckon = init({ key: "pk_...", endpoint: "https://collect.shop.example" });
`;

const BUNDLE = {
  version: 3,
  site: "default",
  holdout: 0,
  segments: [{ id: "cart-abandoner", condition: { "cart.items": { $gte: 1 } } }],
  offers: [
    offer("free-ship", "hero", "Free shipping", ["cart-abandoner"], 2),
    offer("welcome", "hero", "Come in"),
    offer("spring", "ribbon", "Spring is here"),
  ],
  slots: ["hero", "ribbon"].map((id) => ({ id, kind: "offer", content: null })),
  sold_out: [],
};

/** @param {string} id @param {string} slot @param {unknown} content @param {string[]} [segments] @param {number} [priority] */
function offer(id, slot, content, segments = [], priority = 0) {
  return { id, slot, segments, priority, weights_version: 1, arms: [{ id: "a", content, weight: 10_000 }] };
}

/**
 * What an example comes to: events that arrive, text that elements show, what it prints; `does` is what a visitor clicks
 * on once it shows, `bundle` what the collector has.
 * @typedef {{ arrives?: string[], never?: string[], shows?: Record<string, string>, prints?: RegExp, does?: string, bundle?: object, tier?: number }} Outcome
 */
/** @type {Record<string, Outcome[]>} the examples under each heading, in order */
const EXAMPLES = {
  beckon: [{ arrives: ["page_view", "add_to_cart"], shows: { "#hero": "Free shipping" } }],
  esbuild: [
    { arrives: ["page_view"], tier: 1 },
    { arrives: ["page_view"], tier: 1 },
  ],
  "A script tag": [
    { arrives: ["page_view", "view_item"], shows: { "#hero": "Come in" } },
    { arrives: ["page_view"], tier: 1 },
  ],
  "HTML without code": [
    {
      shows: { "[data-beckon-slot]": "Come in" },
      does: "text=Add",
      arrives: ["view_promotion", "add_to_cart"],
      never: ["click"],
    },
  ],
  "Who it is": [
    { arrives: ["identify"], prints: /^\[.*\] false$/m },
    { does: "#logout", arrives: ["page_view"] },
  ],
  Consent: [{ does: "#agree", arrives: ["page_view"] }],
  Decisions: [
    { prints: /^fallback none null null$/m },
    { arrives: ["page_view"], tier: 1 },
    { shows: { "#also": "sku9, sku8" } },
  ],
  React: [
    {
      arrives: ["page_view", "view_promotion", "add_to_cart"],
      shows: { "#root p": "Spring is here", "#root h2": "Come in" },
      does: "text=Buy",
      bundle: {
        ...BUNDLE,
        offers: [offer("welcome", "hero", { title: "Come in" }), offer("spring", "ribbon", "Spring is here")],
      },
    },
  ],
  Options: [{ arrives: ["share"], never: ["scroll"] }],
};

const PAGE = `<!doctype html><title>Shop</title><link rel="icon" href="data:,">
  <p id="hero"></p><p id="also"></p><button id="agree">Yes</button><button id="refuse">No</button><button id="logout">Bye</button>
  <script type="application/json" id="bundle">${JSON.stringify(BUNDLE)}</script><div id="root"></div>`;

/** Stands above examples that are nothing but markup. */
const TAG = `<script async src="/beckon/script.js" data-key="pk_..." data-endpoint="https://collect.shop.example"></script>`;

const readme = await readFile(join(root, "sdk-wasm", "README.md"), "utf8");
/** @type {{ name: string, language: string, code: string, outcome: Outcome | undefined }[]} */
const examples = [];
let heading = "";
for (const [, title, language, shown] of readme.matchAll(/^#+ ([^\n]+)$|^```(\w+)\n(.*?)^```$/gms)) {
  if (title) heading = title;
  else {
    // On a slow machine an answer may miss the time that an example gives it.
    const code = shown.replace("timeout: 150", "timeout: 20_000");
    const nth = examples.filter(({ name }) => name.startsWith(`${heading},`)).length;
    examples.push({ name: `${heading}, ${nth + 1}`, language, code, outcome: EXAMPLES[heading]?.[nth] });
  }
}

/** @type {import("playwright-core").Browser} */
let chrome;
/** @type {string} */
let folder;
/** @type {string} */
let address;
before(async (t) => {
  const test = /** @type {any} */ (t);
  chrome = await browser(test);
  folder = await shopFolder(test, {});
  address = await serve(test, join(folder, "out"));
  const dist = join(folder, "node_modules/beckon/dist");
  await write(folder, { "out/beckon/README": "" });
  for (const name of await readdir(dist)) await copyFile(join(dist, name), join(folder, "out/beckon", name));
});

// Most of the time they wait for the engine and for the queue.
describe("README", { concurrency: 4 }, () => {
  for (const [index, { name, language, code, outcome }] of examples.entries()) {
    if (language === "sh") continue;
    test(name, async (t) => {
      assert(outcome, "say above what it comes to");
      const path = `/page${index}`;
      const markup = code.includes("<script") ? code : TAG + code;
      if (language === "html") await write(folder, { [`out${path}/index.html`]: PAGE + markup });
      else {
        const source = `example${index}.${language}`;
        const mounted = `import { createRoot } from "react-dom/client";
          createRoot(document.querySelector("#root")).render(<Shop />);`;
        const whole = language === "jsx" ? `${code}${mounted}` : /^import/m.test(code) ? code : START + code;
        await write(folder, { [source]: whole });
        await build({
          absWorkingDir: folder,
          entryPoints: [source],
          outfile: `out${path}/main.js`,
          bundle: true,
          format: "esm",
          jsx: "automatic",
          loader: { ".wasm": "file" },
          logLevel: "error",
        });
        await copyFile(join(folder, "out/beckon/engine.wasm"), join(folder, `out${path}/engine.wasm`));
        await write(folder, { [`out${path}/index.html`]: `${PAGE}<script type="module" src="main.js"></script>` });
      }
      await comesTo(t, path, outcome);
    });
  }
});

/** @param {import("node:test").TestContext} t @param {string} path @param {Outcome} outcome */
async function comesTo(t, path, { arrives = [], never = [], shows = {}, prints, does, bundle = BUNDLE, tier }) {
  const context = await chrome.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  /** @type {any[]} */
  const events = [];
  /** @type {string[]} */
  const said = [];
  /** @type {string[]} */
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (!message.text().includes("React DevTools")) (message.type() === "log" ? said : complaints).push(message.text());
  });
  const answers = {
    "/v1/bundle": () => bundle,
    "/v1/events": (/** @type {any} */ batch) => {
      events.push(...batch.events);
      return { results: batch.events.map((/** @type {any} */ { id }) => ({ id, status: "stored" })) };
    },
    "/v1/decide": () => {
      return { slots: { also: { items: ["sku9", "sku8"].map((id) => ({ id, score: 1, why: {} })), source: "item" } } };
    },
  };
  await page.route("https://collect.shop.example/**", (route) => {
    const ask = answers[/** @type {keyof typeof answers} */ (new URL(route.request().url()).pathname)];
    const json = ask(JSON.parse(route.request().postData() ?? "null"));
    return route.fulfill({ json, headers: { "access-control-allow-origin": "*" } });
  });
  await page.goto(`${address}${path}/`);
  try {
    for (const [selector, text] of Object.entries(shows)) {
      await until(`${selector} shows ${text}`, async () => (await page.textContent(selector)) === text);
    }
    if (does) await page.click(does);
    if (prints) await until(`it prints ${prints}`, () => prints.test(said.join("\n")));
    for (const name of arrives) await until(`${name} arrives`, () => events.some((event) => event.name === name));
    if (tier) await until("the engine runs", () => page.evaluate(`__beckon["pk_..."].inspect().tier`));
  } catch (error) {
    const seen = { said, complaints, events: events.map(({ name }) => name) };
    throw new Error(JSON.stringify(seen), { cause: error });
  }
  assert.deepEqual(
    events.map(({ name }) => name).filter((name) => never.includes(name)),
    [],
  );
  assert.deepEqual(complaints, []);
}

test("README: the examples hold up to the types", async () => {
  const written = examples.filter(({ language }) => /^jsx?$/.test(language));
  const names = written.map(({ language }, index) => `typed${index}.${language}`);
  for (const [index, { code }] of written.entries()) {
    await write(folder, { [names[index]]: /^import/m.test(code) ? code : START + code });
  }
  await write(folder, { "sheet.d.ts": `declare module "*.wasm" { const address: string; export default address; }` });
  const flags = ["--allowJs", "--checkJs", "--noEmit", "--jsx", "react-jsx", "--types", "react", "--strict", "false"];
  const lib = ["--target", "es2022", "--lib", "es2022,dom", "--module", "esnext", "--moduleResolution", "bundler"];
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  try {
    execFileSync(process.execPath, [tsc, ...flags, ...lib, ...names], { cwd: folder });
  } catch (error) {
    assert.fail(`${/** @type {any} */ (error).stdout}`);
  }
});

test("README: what it says to run prints the sources that provenance.json names", async (t) => {
  const [example] = examples.filter(({ language }) => language === "sh");
  let printed = "";
  try {
    printed = execFileSync("sh", ["-c", example.code], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    // macOS has another name for it.
  }
  if (!/^[0-9a-f]{64} /.test(printed)) return t.skip("sha256sum is not here");
  const { wasm } = JSON.parse(await readFile(join(folder, "node_modules/beckon/dist/provenance.json"), "utf8"));
  assert.equal(printed.split(" ")[0], wasm.sources.sha256);
});

test("README: every example that is listed here is there", () => {
  const listed = Object.entries(EXAMPLES).map(([name, outcomes]) => [name, outcomes.length]);
  for (const [name, count] of listed) {
    assert.equal(examples.filter((example) => example.name.startsWith(`${name},`)).length, count, `${name}`);
  }
});
