/** What the tests of the page's package stand on: a shop that uses it, and a visitor with a browser of their own. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { listening, root } from "./stage.mjs";

/** The built package. */
export const DIST = join(root, "sdk-wasm", "dist");
/** @type {Record<string, string>} */
const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm" };

/** What the shop decides by, until a test says otherwise. */
export const BUNDLE = {
  version: 3,
  site: "default",
  holdout: 0,
  segments: [{ id: "cart-abandoner", condition: { "cart.items": { $gte: 1 }, "n_1d.purchase": 0 } }, { id: "told" }],
  offers: [
    {
      id: "free-ship",
      slot: "hero",
      segments: ["cart-abandoner"],
      priority: 2,
      weights_version: 1,
      arms: [{ id: "a", content: "free", weight: 10_000 }],
    },
    { id: "welcome", slot: "hero", weights_version: 1, arms: [{ id: "a", content: "hello", weight: 10_000 }] },
  ],
  slots: [{ id: "hero", kind: "offer", content: null }],
  sold_out: [],
};

/** @typedef {{ id: string, name: string, page: any, items?: any[], props?: any, [field: string]: any }} Sent */

/**
 * A page that uses the package, and what stands in for the collector: it keeps what it was sent and answers as it is
 * told to.
 * @param {import("node:test").TestContext} test
 * @param {object} [page]
 * @param {string} [page.options] of init()
 * @param {string} [page.before] a script that runs before the package is there
 * @param {string} [page.script] what runs after init()
 * @param {(path: string) => string | undefined} [page.policy] the content security policy of a file; scripts in the
 *   page have the nonce "page"
 */
export async function shop(test, { options = "", before = "", script = "", policy = () => undefined } = {}) {
  const state = {
    /** @type {any[]} */ batches: [],
    /** @type {string[]} */ requests: [],
    /** @type {(batch: any) => { status: number, headers?: Record<string, string>, body?: any }} */
    answer: (batch) => ({ status: 200, body: stored(batch) }),
    /** @type {(path: string) => boolean} paths that get no answer */
    stuck: () => false,
    /** @type {any} */ decided: null,
    /** @type {any[]} what was asked of /v1/decide */ asked: [],
  };
  const url = await listening(test, async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    state.requests.push(pathname);
    if (state.stuck(pathname)) return;
    const rules = policy(pathname);
    if (rules) response.setHeader("content-security-policy", rules);
    if (pathname === "/v1/events") {
      const batch = { type: request.headers["content-type"], ...(await json(request)) };
      state.batches.push(batch);
      const { status, headers, body } = state.answer(batch);
      return response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body ?? {}));
    }
    if (pathname === "/v1/bundle") return response.end(JSON.stringify(BUNDLE));
    if (pathname === "/v1/decide" && state.decided) {
      state.asked.push(await json(request));
      return response.end(JSON.stringify(state.decided));
    }
    if (pathname.startsWith("/beckon/")) {
      const bytes = await readFile(join(DIST, pathname.slice("/beckon/".length)));
      // For frames without an origin.
      response.setHeader("access-control-allow-origin", "*");
      return response.setHeader("content-type", TYPES[extname(pathname)] ?? "text/plain").end(bytes);
    }
    response.setHeader("content-type", "text/html").end(`<!doctype html><title>Title of ${pathname}</title>
      <main><button id="buy">Buy <b>now</b></button><div data-beckon-ignore><button id="quiet">Quiet</button></div></main>
      <script nonce="page">${before}</script>
      <script type="module" nonce="page">
        import { init } from "/beckon/beckon.js";
        window.beckon = init({ key: "pk_test", endpoint: location.origin, ${options} });
        ${script}
      </script>`);
  });
  return Object.assign(state, {
    url,
    /** Every event that arrived, as often as it did. @returns {Sent[]} */
    events: () => state.batches.flatMap(({ events }) => events),
    names: () => state.batches.flatMap(({ events }) => events.map((/** @type {Sent} */ { name }) => name)),
  });
}

/** What the collector answers that has stored a batch. @param {any} batch */
export const stored = (batch) => ({
  results: batch.events.map((/** @type {Sent} */ { id }) => ({ id, status: "stored" })),
});

/** @param {import("node:http").IncomingMessage} request */
async function json(request) {
  let text = "";
  for await (const part of request) text += part;
  return JSON.parse(text);
}

/**
 * A visitor with a browser of their own. What the page throws fails the test.
 * @param {import("node:test").TestContext} test
 * @param {import("playwright-core").Browser} chrome
 */
export async function visitor(test, chrome) {
  const context = await chrome.newContext();
  test.after(() => context.close());
  const page = await context.newPage();
  /** @type {Error[]} */
  const thrown = [];
  page.on("pageerror", (error) => thrown.push(error));
  test.after(() => assert.deepEqual(thrown, [], "something was thrown into the page"));
  return Object.assign(page, {
    /** Runs a function's text in the page with the instance. @param {string} work @returns {Promise<any>} */
    with: (work) => page.evaluate(`(${work})(window.beckon)`),
    /** The engine runs and has its bundle. */
    ready: () => page.waitForFunction(`window.beckon?.decide("hero").source === "local"`),
  });
}
