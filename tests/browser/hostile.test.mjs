/** Pages that were not made for guests: patched, polluted, blocked, doubled, framed. Nothing is thrown into them, and events arrive. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { shop, stored, visitor } from "./shop.mjs";
import { browser, until } from "./stage.mjs";

/** @type {import("playwright-core").Browser} */
let chrome;
before(async (t) => {
  chrome = await browser(/** @type {any} */ (t));
});

const BARE = "capture: { web_vitals: false, user_engagement: false, scroll: false }";
const ADD = `(beckon) => beckon.track("add_to_cart", { items: [{ item_id: "sku1", price: 9 }], note: "jo@mail.example" })`;

/**
 * What a page does before the package is there (`before`), right after init() (`after`) or once all of it is there
 * (`later`), and whether the engine runs all the same.
 * @type {Record<string, { before?: string, after?: string, later?: string, engine?: boolean }>}
 */
const PAGES = {
  "Object.prototype has more on it": {
    before: `Object.prototype.each = function () {}; Object.prototype.source = "theirs"; Object.prototype.visitor = "theirs";
      Array.prototype.remove = function () {}; Array.prototype.code = "theirs"; String.prototype.page = "theirs";
      Object.defineProperty(Object.prototype, "flying", { get() { return undefined; }, set() {}, configurable: true });`,
  },
  "JSON and fetch are replaced by something broken, later": {
    after: `JSON.parse = JSON.stringify = () => { throw new Error("theirs"); };
      window.fetch = () => { throw new Error("theirs"); };`,
    engine: false,
  },
  "JSON and fetch are replaced by something broken, once all is there": {
    later: `JSON.parse = JSON.stringify = window.fetch = () => { throw new Error("theirs"); };`,
  },
  "fetch is wrapped by something that fails, before": {
    before: `const real = window.fetch; let calls = 0;
      window.fetch = (...values) => { if (calls++ % 2) throw new Error("theirs"); return real(...values); };`,
    engine: false,
  },
  "timers, promises and lists are wrapped": {
    before: `const later = window.setTimeout; window.setTimeout = (call, ...rest) => later(() => call(), ...rest);
      const { then } = Promise.prototype; Promise.prototype.then = function (...values) { return then.apply(this, values); };
      const { push } = Array.prototype; Array.prototype.push = function (...values) { return push.apply(this, values); };`,
  },
  "storage is blocked": {
    before: `for (const name of ["localStorage", "sessionStorage"])
      Object.defineProperty(window, name, { get() { throw new DOMException("no", "SecurityError"); } });`,
  },
  "storage is null, as in some web views": {
    before: `Object.defineProperty(window, "localStorage", { value: null });`,
  },
  "storage is full": {
    before: `const full = () => { throw new DOMException("full", "QuotaExceededError"); };
      Object.defineProperty(window, "localStorage", { value: new Proxy(localStorage, { set: full }) });`,
  },
  "storage holds what others left, up to its edge": {
    before: `try { for (let n = 0; ; n++) localStorage["other" + n] = "x".repeat(100000); } catch {}
      try { for (let n = 0; ; n++) localStorage["small" + n] = "x".repeat(100); } catch {}`,
  },
  "there are no locks": { before: `Object.defineProperty(navigator, "locks", { value: undefined });` },
  "locks are refused": {
    before: `navigator.locks.request = async () => { throw new DOMException("no", "SecurityError"); };`,
  },
  "there is no WebAssembly": { before: "delete window.WebAssembly;", engine: false },
  "there is no idle time, no navigation API and no web vitals": {
    before: `delete window.requestIdleCallback; delete window.navigation; delete window.PerformanceObserver;`,
  },
  "history is frozen": { before: `delete window.navigation; Object.freeze(history);` },
  "the console is gone": { before: `delete window.console;`, after: `beckon.debug(true);` },
};
for (const [what, { before = "", after = "", later = "", engine = true }] of Object.entries(PAGES)) {
  test(`${what}: events arrive, and once`, async (t) => {
    const site = await shop(t, {
      options: BARE,
      before,
      script: `window.known = [...Object.getOwnPropertyNames(window), "known", "dataLayer"]; ${after}`,
    });
    const page = await visitor(t, chrome);
    await page.goto(site.url);
    if (engine) await page.ready();
    await page.with("(beckon) => beckon.flush()");
    await page.with(`() => { ${later} }`);
    await page.with(ADD);
    await page.with("(beckon) => beckon.flush()");
    await until("both events", () => new Set(site.names()).size === 2);
    const [view, added] = [...new Map(site.events().map((event) => [event.name, event])).values()];
    assert.deepEqual(
      [view.name, added.name, added.items],
      ["page_view", "add_to_cart", [{ item_id: "sku1", price: 9 }]],
    );
    assert.equal(new Set(site.events().map(({ id }) => id)).size, 2);
    assert.equal(new Set(site.batches.map(({ visitor }) => visitor)).size, 1);
    assert(!JSON.stringify(site.batches).includes("jo@mail"), "it left unmasked");
    if (engine) assert.deepEqual(added.props, { note: "[email]" });
    const decision = await page.with(`(beckon) => beckon.decide("hero", { fallback: "own" })`);
    assert.equal(decision.content, engine ? "free" : "own");
    assert.deepEqual(await page.evaluate("Object.keys(window).filter((name) => !known.includes(name))"), []);
  });
}

test("single-page navigation counts without the navigation API, also where the page has a pushState of its own", async (t) => {
  const site = await shop(t, {
    options: BARE,
    before: `delete window.navigation;
      const own = history.pushState; history.pushState = function (...values) { return own.apply(this, values); };`,
  });
  const page = await visitor(t, chrome);
  await page.goto(`${site.url}/a`);
  await page.ready();
  await page.evaluate(`history.pushState({}, "", "/b")`);
  await page.evaluate(`history.replaceState({}, "", "/c")`);
  await page.goBack();
  await page.with("(beckon) => beckon.flush()");
  const views = site.events().filter(({ name }) => name === "page_view");
  assert.deepEqual(
    views.map(({ page }) => new URL(page.url).pathname),
    ["/a", "/b", "/c", "/a"],
  );
});

test("a blocked endpoint is quiet: no word in the console, few tries, and the page goes on", async (t) => {
  const site = await shop(t, { options: BARE, script: "beckon.debug(false);" });
  const page = await visitor(t, chrome);
  let tries = 0;
  await page.route("**/v1/**", (route) => {
    tries++;
    return route.abort("blockedbyclient");
  });
  /** @type {string[]} */
  const words = [];
  page.on("console", (message) => {
    // The browser's own line for each request that was blocked.
    if (!/ERR_BLOCKED_BY_CLIENT/.test(message.text())) words.push(message.text());
  });
  await page.goto(site.url);
  await page.waitForFunction("window.beckon?.inspect().tier === 1");
  for (let n = 0; n < 30; n++) await page.with(`(beckon) => { beckon.track("login"); beckon.decide("hero"); }`);
  await until("it was tried", () => tries > 0);
  const decision = await page.with(`(beckon) => beckon.decide("hero", { fallback: "own" })`);
  assert.deepEqual([decision.content, words], ["own", []]);
  assert.equal(await page.with("(beckon) => beckon.inspect().queue"), 31);
  // The bundle, once, and the events: with 30 of them tracked in a row, a try for each would be 30.
  assert(tries < 6, `${tries} tries`);
});

test("a blocked tier 1 leaves tier 0", async (t) => {
  const site = await shop(t, { options: BARE });
  const page = await visitor(t, chrome);
  await page.route("**/tier1.js", (route) => route.abort("blockedbyclient"));
  await page.goto(site.url);
  await page.with(ADD);
  await page.with("(beckon) => beckon.flush()");
  assert.deepEqual(site.names(), ["page_view", "add_to_cart"]);
  assert.equal(site.events()[1].props, undefined);
});

test("two copies of the package on a page are one instance", async (t) => {
  const site = await shop(t, {
    options: BARE,
    script: `const copy = await import("/beckon/beckon.js?copy");
      window.same = copy.init({ key: "pk_test", endpoint: location.origin }) === beckon;
      window.other = copy.init({ key: "pk_other", endpoint: location.origin });`,
  });
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await page.ready();
  assert.equal(await page.evaluate("window.same"), true);
  await page.with("(beckon) => beckon.flush()");
  await page.evaluate("window.other.flush()");
  assert.deepEqual(site.batches.map(({ key }) => key).sort(), ["pk_other", "pk_test"]);
  assert.deepEqual(site.names(), ["page_view", "page_view"]);
});

test("in a frame of the same origin the visitor is the same, in one without an origin nothing is kept", async (t) => {
  const site = await shop(t, { options: `${BARE}` });
  site.answer = (batch) => ({ status: 200, headers: { "access-control-allow-origin": "*" }, body: stored(batch) });
  const page = await visitor(t, chrome);
  await page.goto(`${site.url}/top`);
  await page.ready();
  await page.with("(beckon) => beckon.flush()");
  for (const sandbox of [null, "allow-scripts"]) {
    await page.evaluate((sandbox) => {
      const frame = document.createElement("iframe");
      if (sandbox) frame.setAttribute("sandbox", sandbox);
      frame.src = `/frame-${sandbox}`;
      document.body.append(frame);
    }, sandbox);
  }
  await until("both frames", () => new Set(site.events().map(({ page }) => page.url)).size === 3);
  const visitors = new Map(site.batches.map(({ visitor, events }) => [new URL(events[0].page.url).pathname, visitor]));
  assert.equal(visitors.get("/frame-null"), visitors.get("/top"));
  assert.notEqual(visitors.get("/frame-allow-scripts"), visitors.get("/top"));
});

test("in an extension's world beside the page's it works as in the page, navigation included", async (t) => {
  const site = await shop(t, { script: `beckon.consent("denied");` });
  const page = await visitor(t, chrome);
  await page.goto(`${site.url}/a`);
  site.batches.length = 0;
  const session = await page.context().newCDPSession(page);
  const { frameTree } = await session.send("Page.getFrameTree");
  const { executionContextId: contextId } = await session.send("Page.createIsolatedWorld", {
    frameId: frameTree.frame.id,
    worldName: "extension",
  });
  const inWorld = async (/** @type {string} */ expression) => {
    const answer = await session.send("Runtime.evaluate", {
      expression,
      contextId,
      awaitPromise: true,
      returnByValue: true,
    });
    assert.equal(answer.exceptionDetails, undefined);
    return answer.result.value;
  };
  await inWorld(`import("/beckon/beckon.js").then(({ init }) => {
    globalThis.own = init({ key: "pk_extension", endpoint: location.origin, ${BARE} }); })`);
  await until("the engine", async () => (await inWorld("own.decide('hero').source")) === "local");
  await page.evaluate(`history.pushState({}, "", "/b")`);
  await inWorld("own.flush()");
  assert.deepEqual(
    site.events().map(({ name, page }) => [name, new URL(page.url).pathname]),
    [
      ["page_view", "/a"],
      ["page_view", "/b"],
    ],
  );
  assert.deepEqual(new Set(site.batches.map(({ key }) => key)), new Set(["pk_extension"]));
});

test("calls with what they do not expect throw nothing", async (t) => {
  const site = await shop(t);
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await page.ready();
  const found = await page.with(`async (beckon) => {
    const circle = {};
    circle.circle = circle;
    const throws = { toString() { throw new Error("the page's own"); } };
    beckon.track(Symbol("x"));
    for (const data of [null, "text", { big: 1n }, circle, { get price() { throw new Error("the page's own"); } }]) beckon.track("odd", data);
    for (const id of [null, Symbol("x"), throws]) beckon.identify(id);
    for (const slot of [undefined, "__proto__", "constructor"]) beckon.decide(slot);
    const lists = [await beckon.recommend("also", null), await beckon.recommend("also", { timeout: -1 })];
    return [beckon.decide("hero", null).offer, ...lists.map(({ items }) => items.length)];
  }`);
  assert.deepEqual(found, ["welcome", 0, 0]);
  await page.with("(beckon) => beckon.flush()");
  assert(site.names().includes("odd"));
});
