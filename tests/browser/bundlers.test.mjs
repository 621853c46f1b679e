/** A shop that installs the package and builds its pages with its own tools gets all of it, without settings for it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import { serve, shopFolder, write } from "./installed.mjs";
import { browser, collector, until } from "./stage.mjs";

/** What the shop writes, whatever builds it. @param {string} [from] @param {string} [options] */
const code = (from = "beckon", options = "") => `
  import { init } from "${from}";
  const settings = new URLSearchParams(location.hash.slice(1));
  globalThis.beckon = init({ key: settings.get("key"), endpoint: settings.get("endpoint"), ${options} });
  globalThis.beckon.track("view_item", { items: [{ item_id: "sku7" }] });
`;
/** @param {string} script */
const html = (script) => `<!doctype html><title>Boots</title><link rel="icon" href="data:,">${script}`;
const MODULE = `<script type="module" src="/main.js"></script>`;

/** @param {string} folder @param {import("esbuild").BuildOptions} options */
async function esbuild(folder, options) {
  const { build } = await import("esbuild");
  await build({
    absWorkingDir: folder,
    entryPoints: [join(folder, "main.js")],
    outdir: join(folder, "out"),
    bundle: true,
    logLevel: "error",
    ...options,
  });
  await write(folder, { "out/index.html": html(MODULE) });
  return join(folder, "out");
}

/**
 * Each by what its own documentation says of files that a package brings along.
 * @type {{ name: string, main?: string, worker?: boolean, build: (folder: string, test: import("node:test").TestContext) => Promise<string> }[]} build returns the folder to serve, or the address of a server; `worker` tells that the engine's worker is built along
 */
const BUILDS = [
  {
    name: "Vite",
    worker: true,
    async build(folder) {
      const { build } = await import("vite");
      await build({ root: folder, configFile: false, logLevel: "error" });
      return join(folder, "dist");
    },
  },
  {
    name: "Vite's server for development",
    async build(folder, t) {
      const { createServer } = await import("vite");
      const server = await createServer({
        root: folder,
        configFile: false,
        logLevel: "error",
        server: { host: "127.0.0.1", port: 0 },
      });
      t.after(() => server.close());
      await server.listen();
      const address = server.resolvedUrls?.local[0];
      assert(address);
      return address;
    },
  },
  {
    name: "webpack",
    worker: true,
    async build(folder) {
      const { default: webpack } = await import("webpack");
      const output = join(folder, "out");
      await new Promise((resolve, reject) => {
        webpack(
          { context: folder, mode: "production", entry: "./main.js", output: { path: output } },
          (error, stats) => {
            if (error || !stats || stats.hasErrors() || stats.hasWarnings()) reject(error ?? stats?.toString());
            else resolve(stats);
          },
        );
      });
      await write(folder, { "out/index.html": html(`<script defer src="/main.js"></script>`) });
      return output;
    },
  },
  {
    name: "esbuild, told where the files are",
    main: `import file from "beckon/engine.wasm";${code(
      "beckon",
      `wasmUrl: new URL(file, import.meta.url), workerUrl: new URL("./beckon-worker.js", import.meta.url)`,
    )}`,
    worker: true,
    build: (folder) =>
      esbuild(folder, {
        entryPoints: { main: join(folder, "main.js"), "beckon-worker": "beckon/worker" },
        format: "esm",
        splitting: true,
        loader: { ".wasm": "file" },
      }),
  },
  {
    name: "esbuild, in one file",
    main: code("beckon/inline"),
    build: (folder) => esbuild(folder, {}),
  },
];

/** @type {import("playwright-core").Browser} */
let chrome;
before(async (t) => {
  chrome = await browser(/** @type {any} */ (t));
});

for (const { name, main = code(), build } of BUILDS) {
  test(`a page built by ${name} captures, masks and decides`, async (t) => {
    const [store, folder] = await Promise.all([
      collector(t),
      shopFolder(t, { "main.js": main, "index.html": html(MODULE) }),
    ]);
    await offer(store);
    const built = await build(folder, t);
    const address = built.startsWith("http") ? built : `${await serve(t, built)}/`;
    await works(t, store, address);
  });
}

for (const { name, main = code(), build } of BUILDS.filter(({ worker }) => worker)) {
  test(`a page built by ${name}, whose policy forbids Wasm, has the engine in the worker that was built along`, async (t) => {
    const [store, folder] = await Promise.all([
      collector(t),
      shopFolder(t, { "main.js": main, "index.html": html(MODULE) }),
    ]);
    await offer(store);
    const policy = `default-src 'self'; connect-src 'self' ${store.url}; img-src data:`;
    const address = await serve(t, await build(folder, t), { "content-security-policy": policy });
    const page = await works(t, store, `${address}/`, "cached");
    assert.equal(page.workers().length, 1);
  });
}

test("a page that takes the package by a script tag captures, masks and decides", async (t) => {
  const [store, folder] = await Promise.all([collector(t), shopFolder(t, {})]);
  await offer(store);
  await write(join(folder, "node_modules/beckon/dist"), {
    "index.html": html(`
      <script>
        window.beckon = new Proxy([], { get: (calls, name) => calls[name] ?? ((...values) => void calls.push([name, ...values])) });
        beckon.track("view_item", { items: [{ item_id: "sku7" }] });
        window.kept = beckon;
      </script>
      <script async src="/script.js" data-key="${store.publicKey}" data-endpoint="${store.url}"></script>
      <script async src="/script.js" data-key="${store.publicKey}" data-endpoint="${store.url}"></script>`),
  });
  const page = await works(t, store, await serve(t, join(folder, "node_modules/beckon/dist")));
  assert.equal(await page.evaluate("kept.matches === beckon.matches && kept.inspect().tier"), 1);
});

/** What a visitor is offered here. @param {Awaited<ReturnType<typeof collector>>} store */
async function offer(store) {
  await store.call("PUT", "/v1/slots/hero", { kind: "offer", content: null });
  await store.call("PUT", "/v1/offers/welcome", { slot: "hero", segments: [], content: "hello", arms: [] });
}

/**
 * Opens a page that was built, and asks of it what tier 0 alone cannot do.
 * @param {import("node:test").TestContext} t @param {Awaited<ReturnType<typeof collector>>} store @param {string} address @param {string} [source] of decisions
 */
async function works(t, store, address, source = "local") {
  const page = await chrome.newPage();
  /** @type {string[]} */
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => complaints.push(message.text()));
  page.on(
    "response",
    (response) => response.status() >= 400 && complaints.push(`${response.status()} ${response.url()}`),
  );
  // What was searched for is told by the chunk of rarer captures.
  await page.goto(`${address}?q=boots#${new URLSearchParams({ key: store.publicKey, endpoint: store.url })}`);
  try {
    await until("the engine runs", () => page.evaluate("globalThis.beckon?.inspect?.().tier"));
    await until("it decides", () => page.evaluate(`beckon.decide("hero").source === "${source}"`));
    await page.evaluate(`beckon.track("share", { method: "mail to jo@shop.example" })`);
    const stored = () =>
      page.evaluate("beckon.flush().then(() => beckon.inspect().last.map(({ name, status }) => name + status))");
    await until("all is stored", async () => {
      const now = await stored();
      return ["share", "view_search_results"].every((name) => now.includes(`${name}stored`));
    });
  } catch (error) {
    throw new Error(`the page says: ${complaints.join("; ")}`, { cause: error });
  }
  const events = /** @type {string} */ (await store.call("GET", "/v1/export/events.ndjson"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const names = ["page_view", "share", "view_item", "view_search_results"];
  assert.deepEqual(events.map(({ name }) => name).sort(), names);
  const { page: where, props } = events.find(({ name }) => name === "share");
  assert.deepEqual([where.title, props.method], ["Boots", "mail to [email]"], "the engine has masked it");
  // On localhost developers are told what was masked, and why the engine is not in the page.
  const expected = source === "local" ? /\[vite\]|was masked/ : /CompileError|was masked/;
  assert.deepEqual(
    complaints.filter((line) => !expected.test(line)),
    [],
  );
  return page;
}
