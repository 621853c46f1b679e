/** Where a content security policy lets the engine run, and what a page has where it lets it run nowhere. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { shop, visitor } from "./shop.mjs";
import { browser, until } from "./stage.mjs";

/** @type {import("playwright-core").Browser} */
let chrome;
before(async (t) => {
  chrome = await browser(/** @type {any} */ (t));
});

const STRICT = "default-src 'none'; connect-src 'self'; script-src 'self' 'nonce-page'";
const ADD = `(beckon) => beckon.track("add_to_cart", { items: [{ item_id: "sku1" }], note: "jo@mail.example" })`;
const DECIDED = {
  decision_id: "0193c0de-0000-7000-8000-000000000001",
  bundle: 3,
  segments: ["told"],
  facts: { visits: 4 },
  slots: {
    hero: { offer: "theirs", content: "theirs", arm: "a", propensity: 1, ttl_s: 60, why: [{ code: "everyone" }] },
  },
};

/**
 * What a page under a policy sees and sends. `seen` is what onDecision() was called with before and after something
 * was put into the cart.
 * @type {Record<string, { policy: (path: string) => string | undefined, script?: string, source: string, tier: number,
 *   seen: string[], props: object | undefined, fetched: string[], decides: number }>}
 */
const ROUTES = {
  "with 'wasm-unsafe-eval' the engine runs in the page": {
    policy: () => `${STRICT} 'wasm-unsafe-eval'`,
    source: "local",
    tier: 1,
    seen: ["hello", "free"],
    props: { note: "[email]" },
    fetched: ["/beckon/engine.wasm"],
    decides: 0,
  },
  "without, it runs in a worker of the page's own origin": {
    policy: (path) => (path === "/beckon/worker.js" ? undefined : `${STRICT}; worker-src 'self'`),
    source: "cached",
    tier: 1,
    seen: ["hello", "free"],
    props: { note: "[email]" },
    fetched: ["/beckon/worker.js", "/beckon/engine.wasm"],
    decides: 0,
  },
  "where no worker may run, the collector decides": {
    policy: () => `${STRICT}; worker-src 'none'`,
    source: "cached",
    tier: 0,
    seen: ["theirs"],
    props: undefined,
    fetched: [],
    decides: 1,
  },
  "where the worker's own policy forbids the engine too, the collector decides": {
    policy: () => `${STRICT}; worker-src 'self'`,
    source: "cached",
    tier: 0,
    seen: ["theirs"],
    props: undefined,
    fetched: ["/beckon/worker.js", "/beckon/engine.wasm"],
    decides: 1,
  },
  "in a browser without WebAssembly the collector decides": {
    policy: () => undefined,
    script: "delete window.WebAssembly",
    source: "cached",
    tier: 0,
    seen: ["theirs"],
    props: undefined,
    fetched: [],
    decides: 1,
  },
};

for (const [what, { policy, script, source, tier, seen, props, fetched, decides }] of Object.entries(ROUTES)) {
  test(what, async (t) => {
    const site = await shop(t, {
      policy,
      before: script,
      options: `bootstrap: { decisions: { hero: { offer: "inlined", content: "inlined" } } }`,
      script: `window.first = beckon.decide("hero").source; window.seen = [];
        beckon.onDecision("hero", ({ content }) => window.seen.push(content));`,
    });
    site.decided = DECIDED;
    const page = await visitor(t, chrome);
    await page.goto(site.url);
    assert.equal(await page.evaluate("window.first"), "bootstrap");
    await until("a decision", async () => String(await page.evaluate("window.seen")) === seen[0]);
    for (let times = 0; times < 3; times++) {
      const { content, source: from } = await page.with(`(beckon) => beckon.decide("hero")`);
      assert.deepEqual([content, from], [seen[0], source]);
    }
    await page.with(ADD);
    await until("the next decision", async () => String(await page.evaluate("window.seen")) === String(seen));
    await page.with("(beckon) => beckon.flush()");
    await until("both events", () => site.events().length === 2);
    const [view, added] = site.events();
    assert.deepEqual([view.name, added.name, added.props], ["page_view", "add_to_cart", props]);
    assert.equal((await page.with("(beckon) => beckon.inspect()")).tier, tier);
    const wanted = site.requests.filter((path) => /worker|wasm/.test(path));
    assert.deepEqual(wanted, fetched);
    assert.equal(site.asked.length, decides);
  });
}

test("an engine in a worker: what is under way when the page is left arrives, and facts go on in the next page", async (t) => {
  const site = await shop(t, {
    policy: (path) => (path === "/beckon/worker.js" ? undefined : STRICT),
    options: `beforeSend: (event) => ({ ...event, hooked: (event.hooked ?? 0) + 1 })`,
  });
  const page = await visitor(t, chrome);
  await page.goto(`${site.url}/first`);
  await page.with("(beckon) => beckon.flush()");
  await page.with(`(beckon) => { beckon.track("login", { method: "x" }); location.assign("/second"); }`);
  await page.waitForURL("**/second");
  await until("the login is a fact", () => page.with("(beckon) => beckon?.inspect().facts['n.login'] === 1"));
  await until("all of them arrive", () => site.names().includes("login"));
  const [view] = site.events();
  assert.equal(view.props?.hooked, 1);
});

test("a policy that forbids the engine is found out once a page, not again and again", async (t) => {
  const site = await shop(t, { policy: () => `${STRICT}; worker-src 'none'` });
  site.decided = DECIDED;
  const page = await visitor(t, chrome);
  /** @type {string[]} */
  const errors = [];
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  await page.goto(site.url);
  for (let times = 0; times < 20; times++) await page.with(`(beckon) => beckon.decide("hero")`);
  await until("a decision", async () => (await page.with(`(beckon) => beckon.decide("hero")`)).content === "theirs");
  assert.deepEqual(errors.filter((text) => !/worker/i.test(text)).length <= 1, true, errors.join("\n"));
  assert(errors.length <= 2, errors.join("\n"));
});

/** @type {Record<string, { work: string, user: string | undefined, names: string[], stored: string[] }>} what the page does while a worker has events in its hands */
const MEANWHILE = {
  "a refusal": { work: `beckon.consent("denied")`, user: undefined, names: [], stored: [] },
  "a reset": { work: "beckon.reset()", user: "42", names: ["login", "identify"], stored: ["visitor", "user"] },
};
for (const [what, { work, user, names, stored }] of Object.entries(MEANWHILE)) {
  test(`an engine in a worker: ${what} is not undone by what it had in its hands`, async (t) => {
    const site = await shop(t, {
      policy: (path) => (path === "/beckon/worker.js" ? undefined : STRICT),
      options: "capture: { web_vitals: false, user_engagement: false, scroll: false }",
    });
    const page = await visitor(t, chrome);
    await page.goto(site.url);
    await page.with("(beckon) => beckon.flush()");
    const [{ visitor: first }] = site.batches;
    // A decision hands over what was tracked.
    await page.with(`async (beckon) => { beckon.track("login"); beckon.identify("42"); beckon.decide("hero"); ${work};
      await beckon.flush(); await new Promise((resolve) => setTimeout(resolve, 300)); await beckon.flush(); }`);
    const late = site.batches.slice(1);
    assert.deepEqual(
      late.flatMap(({ events }) => events.map((/** @type {any} */ { name }) => name)),
      names,
    );
    for (const batch of late) assert.equal(batch.visitor, first);
    assert.equal(late.at(-1)?.user, user);
    const keys = await page.evaluate(`Object.keys(localStorage).map((name) => name.slice("beckon.pk_test.".length))`);
    assert.equal(/** @type {string[]} */ (keys).includes("user"), false, String(keys));
    if (!stored[0]) assert.deepEqual(keys, []);
  });
}
