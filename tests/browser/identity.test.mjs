/** Who a visitor is, over tabs and pages; what is kept and sent of them, and what of an event leaves the page. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { shop, visitor } from "./shop.mjs";
import { browser, until } from "./stage.mjs";

/** @type {import("playwright-core").Browser} */
let chrome;
before(async (t) => {
  chrome = await browser(/** @type {any} */ (t));
});

const BARE = "capture: { web_vitals: false, user_engagement: false, scroll: false }";
const stored = "Object.keys(localStorage)";
const DECISION = {
  decision_id: "0193c0de-0000-7000-8000-000000000001",
  bundle: 3,
  facts: { "user.known": true },
  slots: {},
};

/** Another tab of the same visitor. @param {import("playwright-core").Page} page @param {string} url */
async function tab(page, url) {
  const other = await page.context().newPage();
  await other.goto(url);
  await other.waitForFunction(`window.beckon?.decide("hero").source === "local"`);
  return other;
}

test("tabs are one visitor and one session, and follow when one of them begins with somebody new", async (t) => {
  const site = await shop(t, { options: BARE });
  const page = await visitor(t, chrome);
  await page.goto(`${site.url}/first`);
  await page.ready();
  const other = await tab(page, `${site.url}/second`);
  await other.evaluate(`beckon.track("login"); beckon.flush()`);
  await page.with("(beckon) => beckon.flush()");
  const [first] = site.batches;
  for (const { visitor } of site.batches) assert.equal(visitor, first.visitor);
  for (const { session } of site.batches) assert.equal(session, first.session);
  const whoIs = async (/** @type {import("playwright-core").Page} */ page) =>
    /** @type {any} */ (await page.evaluate("beckon.inspect()")).visitor;
  await other.evaluate("beckon.reset()");
  await until("both have somebody new", async () => {
    const [one, two] = [await whoIs(page), await whoIs(other)];
    return one === two && one !== first.visitor;
  });
  await page.with(`(beckon) => beckon.track("sign_up")`);
  await page.with("(beckon) => beckon.flush()");
  const last = site.batches.at(-1);
  assert.equal(last.visitor, await whoIs(other));
  assert.notEqual(last.session, first.session);
  assert.equal((await page.with("(beckon) => beckon.inspect()")).facts["n.login"], undefined);
});

test("a refusal in one tab ends it in all of them", async (t) => {
  const site = await shop(t, { options: BARE });
  const page = await visitor(t, chrome);
  await page.goto(`${site.url}/first`);
  await page.ready();
  const other = await tab(page, `${site.url}/second`);
  await other.evaluate("beckon.flush()");
  await page.with("(beckon) => beckon.flush()");
  await other.evaluate(`beckon.consent("denied")`);
  await until(
    "the other has heard",
    async () => (await page.with("(beckon) => beckon.inspect().consent")) === "denied",
  );
  const sent = site.batches.length;
  await page.with(`(beckon) => { beckon.track("login"); beckon.decide("hero"); return beckon.flush(); }`);
  assert.deepEqual(await page.evaluate(stored), []);
  await page.goto("about:blank");
  assert.equal(site.batches.length, sent);
});

test("while pending, nothing that tells of a person is held", async (t) => {
  const site = await shop(t, { options: `${BARE}, consent: "pending"` });
  const page = await visitor(t, chrome);
  await page.goto(`${site.url}/?email=jo@mail.example&utm_source=mail`);
  await page.with(`(beckon) => { beckon.identify("42", { plan: "gold" });
    beckon.track("search", { search_term: "jo@mail.example" });
    beckon.track("add_to_cart", { items: [{ item_id: "sku1", item_name: "Jo's", price: 9 }], currency: "EUR", value: 9 }); }`);
  assert.deepEqual(await page.evaluate(stored), []);
  assert.deepEqual(await page.evaluate("navigator.locks.query().then(({ held }) => held)"), []);
  await page.with(`(beckon) => beckon.consent("granted")`);
  await page.ready();
  await page.with("(beckon) => beckon.flush()");
  assert.deepEqual(site.names(), ["page_view", "identify", "search", "add_to_cart"]);
  const [, identify, search, added] = site.events();
  for (const { user } of site.batches) assert.equal(user, undefined);
  assert.deepEqual([identify.props, search.props], [undefined, undefined]);
  assert.deepEqual([added.items, added.value], [[{ item_id: "sku1", price: 9 }], 9]);
  assert.equal((await page.with("(beckon) => beckon.inspect()")).facts["cart.items"], 1);
});

test("cookieless: nothing is written to the browser, and each page has a visitor of its own", async (t) => {
  const site = await shop(t, { options: `${BARE}, cookieless: true` });
  const page = await visitor(t, chrome);
  for (const path of ["/first", "/second"]) {
    await page.goto(site.url + path);
    await page.ready();
    await page.with(`(beckon) => beckon.track("login")`);
    await page.with("(beckon) => beckon.flush()");
    assert.deepEqual(await page.evaluate(`[...${stored}, ...Object.keys(sessionStorage), document.cookie]`), [""]);
  }
  const whose = site.batches.map(({ visitor, events }) => `${new URL(events[0].page.url).pathname} ${visitor}`);
  assert.equal(new Set(whose).size, 2, whose.join());
  assert.equal(new Set(site.batches.map(({ visitor }) => visitor)).size, 2);
});

/** @type {Record<string, { sampling: number, visitor: string, sends: boolean }>} by the last digits of the visitor's id */
const SHARES = {
  "a visitor in the sample": { sampling: 0.5, visitor: "7fff", sends: true },
  "a visitor outside of the sample": { sampling: 0.5, visitor: "8000", sends: false },
  "a sample of nobody": { sampling: 0, visitor: "0000", sends: false },
  "a sample of all": { sampling: 1, visitor: "ffff", sends: true },
};
for (const [what, { sampling, visitor: digits, sends }] of Object.entries(SHARES)) {
  test(`${what} ${sends ? "is counted" : "is not, but has decisions"}`, async (t) => {
    const site = await shop(t, {
      options: `${BARE}, sampling: ${sampling}`,
      before: `localStorage["beckon.pk_test.visitor"] = "01a20000-0000-7000-a000-00000000${digits}"`,
    });
    const page = await visitor(t, chrome);
    await page.goto(site.url);
    await page.ready();
    await page.with(`(beckon) => beckon.track("add_to_cart", { items: [{ item_id: "sku1" }] })`);
    await page.with("(beckon) => beckon.flush()");
    assert.deepEqual(site.names(), sends ? ["page_view", "add_to_cart"] : []);
    assert.equal((await page.with(`(beckon) => beckon.decide("hero")`)).offer, "free-ship");
  });
}

test("facts that the server knows are there before the collector has answered", async (t) => {
  const site = await shop(t, { options: `${BARE}, bootstrap: { facts: { "rfm.segment": "loyal", "n.purchase": 7 } }` });
  site.stuck = (path) => path === "/v1/events";
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await page.ready();
  const { facts } = await page.with("(beckon) => beckon.inspect()");
  // What the page counts by itself nobody tells it.
  assert.deepEqual([facts["rfm.segment"], facts["n.purchase"]], ["loyal", undefined]);
});

/** @type {Record<string, { hook: string, props: object | null | undefined }>} null where nothing is sent */
const HOOKS = {
  "sees the event cleaned": {
    hook: `(event) => ({ ...event, saw: event.props.note })`,
    props: { note: "[email]", saw: "[email]" },
  },
  "adds something that has to be masked": {
    hook: `(event) => ({ ...event, more: "call 13800138000" })`,
    props: { note: "[email]", more: "call [phone]" },
  },
  "changes the event in place": { hook: `(event) => { event.props.note = "x"; return event; }`, props: { note: "x" } },
  "returns nothing": { hook: `() => {}`, props: null },
  "returns null": { hook: `() => null`, props: null },
  fails: { hook: `() => { throw new Error("the shop's own"); }`, props: null },
  "makes it unusable": { hook: `(event) => ({ ...event, value: "much" })`, props: null },
};
for (const [what, { hook, props }] of Object.entries(HOOKS)) {
  test(`beforeSend ${what}`, async (t) => {
    const site = await shop(t, {
      options: `${BARE}, beforeSend: (event) => {
        window.seen = [...window.seen ?? [], event.name]; return event.name === "search" ? (${hook})(event) : event; }`,
    });
    const page = await visitor(t, chrome);
    await page.goto(site.url);
    await page.ready();
    await page.with(`(beckon) => { beckon.track("search", { note: "jo@mail.example" }); beckon.track("login"); }`);
    await page.with("(beckon) => beckon.flush()");
    assert.deepEqual(site.names(), props === null ? ["page_view", "login"] : ["page_view", "search", "login"]);
    if (props !== null) assert.deepEqual(site.events()[1].props, props);
    assert.deepEqual(await page.evaluate("window.seen"), ["page_view", "search", "login"]);
  });
}

test("beforeSend without the engine: once, and what it adds is dropped as what the page adds is", async (t) => {
  const site = await shop(t, {
    options: `${BARE}, beforeSend: (event) => event.name === "login" ? null : { ...event, note: "jo@mail.example", value: 4 }`,
    script: `beckon.track("login"); beckon.track("search", { search_term: "x" });`,
  });
  site.stuck = (path) => path === "/beckon/tier1.js";
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await until("they arrive", () => site.events().length > 0);
  assert.deepEqual(
    site.events().map(({ name, value, props, note }) => [name, value, props, note]),
    [
      ["page_view", 4, undefined, undefined],
      ["search", 4, undefined, undefined],
    ],
  );
});

test("what was masked is told to developers by field and kind, and not to visitors", async (t) => {
  const site = await shop(t, { options: BARE });
  const page = await visitor(t, chrome);
  /** @type {string[]} */
  const words = [];
  page.on("console", (message) => words.push(message.text()));
  await page.goto(site.url);
  await page.ready();
  const track = `(beckon) => { beckon.track("search", { search_term: "jo@mail.example", deep: { list: ["13800138000"] } }); return beckon.flush(); }`;
  await page.with("(beckon) => beckon.debug(false)");
  await page.with(track);
  assert.deepEqual(words, []);
  await page.with("(beckon) => beckon.debug(true)");
  await page.with(track);
  await until("it was told", () => words.length > 0);
  assert.deepEqual(words, ["beckon: search was masked: props.deep.list.0 [phone], props.search_term [email]"]);
});

test('with page_view: "hash" a page behind a hash is a page', async (t) => {
  const site = await shop(t, { options: `capture: { web_vitals: false, user_engagement: false, page_view: "hash" }` });
  const page = await visitor(t, chrome);
  await page.goto(`${site.url}/#/cart`);
  await page.ready();
  await page.evaluate(`location.hash = "/checkout"`);
  await page.evaluate(`history.pushState({}, "", "#/thanks")`);
  await page.evaluate(`history.replaceState({}, "", "#/thanks")`);
  await page.with("(beckon) => beckon.flush()");
  const views = site.events().filter(({ name }) => name === "page_view");
  assert.deepEqual(
    views.map(({ page }) => new URL(page.url).hash),
    ["#/cart", "#/checkout", "#/thanks"],
  );
});

test("a refusal while an answer is under way: the answer leaves nothing behind, and nothing is sent again", async (t) => {
  const answers = [{ status: 200, body: { results: [], decision: DECISION } }, { status: 413 }, { status: 503 }];
  for (const answer of answers) {
    const site = await shop(t, {
      options: BARE,
      before: `const { fetch } = window; window.fetch = async (...values) => { const response = await fetch(...values);
        if (window.refuses && values[0].includes("/v1/events")) beckon.consent("denied"); return response; };`,
    });
    const page = await visitor(t, chrome);
    await page.goto(site.url);
    await page.ready();
    await page.with("(beckon) => beckon.flush()");
    site.answer = () => answer;
    await page.with(`async (beckon) => { window.refuses = true; beckon.track("login"); beckon.track("search");
      await beckon.flush(); await new Promise(setTimeout); }`);
    assert.deepEqual(await page.evaluate(stored), [], String(answer.status));
    assert.deepEqual(site.names(), ["page_view", "login", "search"], String(answer.status));
  }
});

test("who was here before a reset is not what the next one is known for", async (t) => {
  const site = await shop(t, { options: BARE, script: `beckon.track("login"); beckon.reset();` });
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await page.ready();
  await until("they arrive", () => site.names().includes("login"));
  const { facts, visitor: who } = await page.with("(beckon) => beckon.inspect()");
  assert.notEqual(site.batches[0].visitor, who);
  assert.equal(facts["n.login"], undefined);
});
