/** What the tests of captures stand on: a page of their own HTML, and what arrived from it. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { listening, root } from "./stage.mjs";

const DIST = join(root, "sdk-wasm", "dist");
/** @type {Record<string, string>} */
const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm" };
const BUNDLE = { version: 1, site: "default", holdout: 0, segments: [], offers: [], slots: [], sold_out: [] };

/** @typedef {{ id: string, name: string, page: any, items?: any[], props?: any, [field: string]: any }} Sent */

/**
 * Opens a page with the package, in a browser of its own, once its captures run. What it throws fails the test, but for
 * what the test says that it throws.
 * @param {import("node:test").TestContext} test
 * @param {import("playwright-core").Browser} chrome
 * @param {object} [shop]
 * @param {string} [shop.html] what stands in the body
 * @param {string} [shop.path]
 * @param {object} [shop.capture] the option
 * @param {object} [shop.bundle] in place of one without offers
 * @param {string} [shop.before] a script that runs before anything else of the page
 * @param {string} [shop.script] a script of the page's own
 * @param {boolean} [shop.throws]
 */
export async function opened(test, chrome, { html = "", path = "/", capture, bundle, before, script, throws } = {}) {
  /** @type {any[]} */
  const batches = [];
  const url = await listening(test, async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === "/v1/events") {
      let text = "";
      for await (const part of request) text += part;
      const batch = JSON.parse(text);
      batches.push(batch);
      const results = batch.events.map((/** @type {Sent} */ { id }) => ({ id, status: "stored" }));
      return response.end(JSON.stringify({ results }));
    }
    if (pathname === "/v1/bundle") return response.end(JSON.stringify({ ...BUNDLE, ...bundle }));
    if (pathname.startsWith("/beckon/")) {
      const bytes = await readFile(join(DIST, pathname.slice("/beckon/".length)));
      return response.setHeader("content-type", TYPES[extname(pathname)] ?? "text/plain").end(bytes);
    }
    if (pathname === "/web-vitals.js") {
      const bytes = await readFile(join(root, "node_modules", "web-vitals", "dist", "web-vitals.js"));
      return response.setHeader("content-type", "text/javascript").end(bytes);
    }
    response.setHeader("content-type", "text/html; charset=utf-8").end(`<!doctype html><title>Page</title>
      ${script ? `<script>${script}</script>` : ""}<body>${html}</body>
      <script type="module">
        import { init } from "/beckon/beckon.js";
        window.beckon = init({ key: "pk_test", endpoint: location.origin, capture: ${JSON.stringify(capture)} });
      </script>`);
  });

  const context = await chrome.newContext();
  test.after(() => context.close());
  const page = await context.newPage();
  /** @type {Error[]} */
  const thrown = [];
  page.on("pageerror", (error) => thrown.push(error));
  test.after(() => throws || assert.deepEqual(thrown, [], "something was thrown into the page"));
  // A test's page stays where it is: links are followed by nobody.
  await page.addInitScript(`addEventListener("click", (event) => event.target.closest?.("a,area") && event.preventDefault());
    addEventListener("submit", (event) => event.preventDefault());`);
  if (before) await page.addInitScript(before);
  await page.goto(url + path);
  await watching(page);

  const events = () => batches.flatMap(({ events }) => /** @type {Sent[]} */ (events));
  return Object.assign(page, {
    url,
    batches,
    /** Every event that arrived. */
    events,
    /** Those of a name, as they arrived, once everything has been sent. @param {string} name */
    async sent(name) {
      await page.evaluate("window.beckon.flush()");
      await page.waitForFunction("window.beckon.inspect().queue === 0");
      return events().filter((event) => event.name === name);
    },
    /** Hides the page, or shows it again, as a change of tabs does. @param {boolean} hidden */
    async hide(hidden) {
      await page.evaluate(
        (state) => {
          Object.defineProperty(document, "visibilityState", { configurable: true, value: state });
          Object.defineProperty(document, "hidden", { configurable: true, value: state === "hidden" });
          document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
        },
        hidden ? "hidden" : "visible",
      );
    },
  });
}

/**
 * Waits until the captures of both chunks run.
 * @param {import("playwright-core").Page} page
 */
export async function watching(page) {
  await page.waitForFunction(`window.beckon?.inspect().tier === 1 && performance.getEntriesByType("resource")
    .some(({ name }) => name.endsWith("/rare.js"))`);
  // The SDK's own import of it was first, and so is told first.
  await page.evaluate(`import("/beckon/rare.js").then(() => new Promise(setTimeout))`);
}
