/** What a shop written with React may rely on: rendered by a server, taken over by the page, mounted twice by StrictMode. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { build } from "esbuild";
import { serve, shopFolder, write } from "./installed.mjs";
import { browser, until } from "./stage.mjs";

const BUNDLE = {
  version: 3,
  site: "default",
  holdout: 0,
  segments: [{ id: "has-cart", condition: { "cart.items": { $gte: 1 } } }],
  offers: [
    offer("free-ship", "hero", { title: "Free shipping" }, ["has-cart"], 2),
    offer("welcome", "hero", { title: "Come in" }),
    offer("members", "foot", { title: "Join us" }),
    offer("ribbon-cart", "ribbon", "Your cart waits", ["has-cart"], 2),
    offer("ribbon-all", "ribbon", "Spring is here"),
  ],
  slots: ["hero", "foot", "ribbon"].map((id) => ({ id, kind: "offer", content: null })),
  sold_out: [],
};

/** @param {string} id @param {string} slot @param {unknown} content @param {string[]} [segments] @param {number} [priority] */
function offer(id, slot, content, segments = [], priority = 0) {
  return { id, slot, segments, priority, weights_version: 1, arms: [{ id: "a", content, weight: 10_000 }] };
}

/** A client component as Next.js knows it. */
const APP = `"use client";
import { useEffect } from "react";
import { BeckonProvider, Slot, useBeckon, useDecision } from "beckon/react";

function Ribbon() {
  const { content, source } = useDecision("ribbon", { fallback: "Welcome", follow: true });
  return <p id="ribbon" data-source={source}>{content}</p>;
}

function Buy() {
  const beckon = useBeckon();
  useEffect(() => beckon.track("view_item_list", { item_list_id: "all" }), [beckon]);
  return <button id="buy" onClick={() => beckon.track("add_to_cart", { items: [{ item_id: "sku7", price: 89 }] })}>Buy</button>;
}

function Page() {
  return (
    <main>
      <Ribbon />
      <Buy />
      <Slot id="hero" as="section" className="hero" fallback={{ title: "Hello" }}>
        {({ content, source }) => <h2 data-source={source}>{content.title} <a href="#more">more</a></h2>}
      </Slot>
      <div style={{ height: 4000 }} />
      <Slot id="foot" as="footer" fallback={{ title: "Bye" }}>{({ content }) => <p>{content.title}</p>}</Slot>
    </main>
  );
}

export const App = ({ options }) => <BeckonProvider options={{ ...options }}><Page /></BeckonProvider>;
export const Alone = () => <Page />;
`;

/** Renders in Node, where nothing stands in for a browser, and says whether anything was asked of the network. */
const SERVER = `
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { Alone, App } from "./app.mjs";
let asked = 0;
globalThis.fetch = async () => { asked++; throw new Error("no network"); };
const options = JSON.parse(process.argv[2]);
const html = renderToString(options ? createElement(App, { options }) : createElement(Alone));
const left = Object.keys(globalThis.__beckon ?? {});
setTimeout(() => console.log(JSON.stringify({ html, asked, left })), 10);
`;

const CLIENT = `
import { createElement, StrictMode } from "react";
import { createRoot, hydrateRoot } from "react-dom/client";
import { init } from "beckon";
import { App } from "./app.jsx";
const options = JSON.parse(document.querySelector("#options").textContent);
const root = document.querySelector("#root");
const app = createElement(StrictMode, null, createElement(App, { options }));
if (root.firstChild) hydrateRoot(root, app);
else createRoot(root).render(app);
globalThis.beckon = init(options);
`;

/** @type {string} */
let folder;
/** @type {import("playwright-core").Browser} */
let chrome;
/** @type {string} */
let address;
before(async (t) => {
  const test = /** @type {any} */ (t);
  chrome = await browser(test);
  folder = await shopFolder(test, { "app.jsx": APP, "server.mjs": SERVER, "client.js": CLIENT });
  /** @type {import("esbuild").BuildOptions} */
  const options = { absWorkingDir: folder, jsx: "automatic", bundle: true, logLevel: "error" };
  await build({
    ...options,
    entryPoints: ["app.jsx"],
    outfile: join(folder, "app.mjs"),
    format: "esm",
    packages: "external",
  });
  // What StrictMode does twice it does in development only.
  const define = { "process.env.NODE_ENV": `"development"` };
  await build({
    ...options,
    entryPoints: ["client.js"],
    outdir: "out",
    format: "esm",
    splitting: true,
    define,
  });
  await copyFile(join(folder, "node_modules/beckon/dist/engine.wasm"), join(folder, "out/engine.wasm"));
  address = await serve(test, join(folder, "out"));
});

/** @param {object | null} options @returns {{ html: string, asked: number, left: string[] }} what a bare Node makes of the page */
const rendered = (options) =>
  JSON.parse(
    execFileSync(process.execPath, ["server.mjs", JSON.stringify(options)], { cwd: folder, encoding: "utf8" }),
  );

let pages = 0;
/**
 * The page, rendered by the server and taken over in the browser, with what it sent.
 * @param {import("node:test").TestContext} t @param {object} bootstrap
 * @param {boolean} [byServer] false leaves all of it to the browser
 */
async function taken(t, bootstrap, byServer = true) {
  const options = { key: "pk_test", endpoint: "http://collect.invalid", wasmUrl: "/engine.wasm", bootstrap };
  const { html, asked, left } = rendered(options);
  assert.equal(asked, 0, "a server sends nothing");
  assert.deepEqual(left, [], "what one request brought along does not stay");
  const name = `/page${++pages}.html`;
  await write(folder, {
    [`out${name}`]: `<!doctype html><link rel="icon" href="data:,"><div id="root">${byServer ? html : ""}</div>
      <script type="application/json" id="options">${JSON.stringify(options)}</script>
      <script type="module" src="/client.js"></script>`,
  });
  const context = await chrome.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  /** @type {any[]} */
  const events = [];
  await page.route("http://collect.invalid/v1/events", async (route) => {
    const batch = route.request().postDataJSON();
    events.push(...batch.events.map((/** @type {any} */ event) => ({ ...event, visitor: batch.visitor })));
    const results = batch.events.map((/** @type {any} */ { id }) => ({ id, status: "stored" }));
    await route.fulfill({ json: { results }, headers: { "access-control-allow-origin": "*" } });
  });
  /** @type {string[]} */
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (!message.text().includes("React DevTools")) complaints.push(message.text());
  });
  t.after(() => assert.deepEqual(complaints, [], "React or Beckon complained"));
  await page.goto(address + name);
  const flush = () => page.evaluate("beckon.flush()");
  return {
    page,
    html,
    events,
    /** @param {string} event @param {(event: any) => boolean} [which] */
    arrived: (event, which = () => true) =>
      until(`${event} arrives`, async () => {
        await flush();
        return events.find((one) => one.name === event && which(one));
      }),
    /** @param {string} event */
    count: (event) => events.filter(({ name }) => name === event).length,
  };
}

test("without what the server decided, it renders the page's own content; the page replaces it by the first decision", async (t) => {
  const { page, html } = await taken(t, { bundle: BUNDLE });
  assert.match(html, /<section class="hero"><h2 data-source="fallback">Hello/);
  assert.match(html, /<p id="ribbon" data-source="fallback">Welcome/);
  await page.locator(`.hero h2[data-source="local"]`, { hasText: "Come in" }).waitFor();
  await page.locator("#ribbon", { hasText: "Spring is here" }).waitFor();
});

test("what the server decided is in its HTML and stays painted; only who follows gets what is better later", async (t) => {
  const decided = (/** @type {string} */ id, /** @type {unknown} */ content) => ({ offer: id, arm: "a", content });
  const decisions = { hero: decided("welcome", { title: "Inlined" }), ribbon: decided("ribbon-all", "Inlined too") };
  const { page, html } = await taken(t, { bundle: BUNDLE, decisions });
  assert.match(html, /<h2 data-source="bootstrap">Inlined</);
  assert.match(html, /<p id="ribbon" data-source="bootstrap">Inlined too/);
  await page.locator(`#ribbon[data-source="local"]`, { hasText: "Spring is here" }).waitFor();
  await page.click("#buy");
  await page.locator("#ribbon", { hasText: "Your cart waits" }).waitFor();
  assert.equal(await page.textContent(".hero h2"), "Inlined more");
});

test("mounted twice by StrictMode, it is one instance and one page view", async (t) => {
  const { page, events, arrived, count } = await taken(t, { bundle: BUNDLE }, false);
  await page.click("#buy");
  await arrived("add_to_cart");
  await arrived("view_promotion");
  assert.equal(count("view_promotion"), 1);
  assert.equal(count("page_view"), 1);
  assert.equal(count("add_to_cart"), 1);
  // React itself runs this effect of the page twice; both arrive, through the one instance.
  assert.equal(count("view_item_list"), 2);
  assert.equal(new Set(events.map(({ visitor }) => visitor)).size, 1);
});

test("an offer counts as seen once it was in view, and as selected when its link is clicked", async (t) => {
  const { page, events, arrived, count } = await taken(t, { bundle: BUNDLE });
  const { props, ...seen } = await arrived("view_promotion");
  assert.equal(count("view_promotion"), 1, "the footer is out of view");
  const said = { ...seen, ...props };
  const { promotion_id, creative_slot, creative_name, propensity } = said;
  const expected = { promotion_id: "welcome", creative_slot: "hero", creative_name: "a", propensity: 1 };
  assert.deepEqual({ promotion_id, creative_slot, creative_name, propensity }, expected);
  await page.click(".hero a");
  await arrived("select_promotion");
  await page.locator("footer").scrollIntoViewIfNeeded();
  const foot = await arrived("view_promotion", ({ id }) => id !== seen.id);
  assert.equal({ ...foot, ...foot.props }.promotion_id, "members");
  assert.deepEqual([count("view_promotion"), count("select_promotion")], [2, 1], JSON.stringify(events));
});

test("without a provider above, a component shows its own content", () => {
  const { html, asked } = rendered(null);
  assert.match(html, /<h2 data-source="fallback">Hello/);
  assert.equal(asked, 0);
});
