/** What a page may rely on when it uses the npm package, whatever the network, the browser or the visitor does. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { DIST, shop, stored, visitor } from "./shop.mjs";
import { browser, until } from "./stage.mjs";

/** @typedef {import("./shop.mjs").Sent} Sent */

/** @type {import("playwright-core").Browser} */
let chrome;
before(async (t) => {
  chrome = await browser(/** @type {any} */ (t));
});

test("a visitor who leaves at once is counted, and nothing was fetched for that first", async (t) => {
  const site = await shop(t, { script: `location.assign("/next?stop")` });
  site.stuck = (path) => path === "/next" || path.startsWith("/v1/bundle") || path === "/beckon/tier1.js";
  const page = await visitor(t, chrome);
  await page.goto(`${site.url}/first`, { waitUntil: "commit" }).catch(() => {});
  await until("the page view arrives", () => site.events().length > 0);
  assert.deepEqual(site.names(), ["page_view"]);
  assert.match(site.batches[0].type, /^text\/plain/);
  assert.equal(site.batches[0].key, "pk_test");
  assert.match(site.batches[0].visitor, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test("without the engine only what needs no mask leaves the page", async (t) => {
  const site = await shop(t, {
    script: `beckon.identify("42", { mail: "jo@mail.example" });
      beckon.track("purchase", { transaction_id: "t1", currency: "EUR", value: 9, note: "call 13800138000",
        items: [{ item_id: "sku1", item_name: "Jo's boot", price: 9, quantity: 1 }] });`,
  });
  site.stuck = (path) => path === "/beckon/tier1.js";
  const page = await visitor(t, chrome);
  await page.goto(`${site.url}/p/7?utm_source=mail&email=jo@mail.example&gclid=x#part`);
  await until("they arrive without the engine", () => site.events().length === 3);
  const [view, identify, purchase] = site.events();
  assert.deepEqual(view.page, { url: `${site.url}/p/7?utm_source=mail&gclid=x`, referrer: "" });
  assert.deepEqual(Object.keys(identify).sort(), ["at", "id", "name", "page"]);
  assert.deepEqual(purchase.items, [{ item_id: "sku1", price: 9, quantity: 1 }]);
  assert.deepEqual(
    { transaction_id: purchase.transaction_id, currency: purchase.currency, value: purchase.value },
    { transaction_id: "t1", currency: "EUR", value: 9 },
  );
  assert.equal(site.batches.at(-1).user, "42");
  const sent = JSON.stringify(site.batches);
  for (const personal of ["jo@mail", "Jo's", "13800138000", "Title of"]) assert(!sent.includes(personal), personal);
});

test("with the engine the whole event leaves, masked", async (t) => {
  const site = await shop(t);
  const page = await visitor(t, chrome);
  await page.goto(`${site.url}/p/7?token=abc`);
  await page.ready();
  await page.with(`(beckon) => beckon.track("search", { search_term: "jo@mail.example", password: "x",
    items: [{ item_id: "sku1", item_name: "call 13800138000" }] })`);
  await page.with("(beckon) => beckon.flush()");
  const search = site.events().find(({ name }) => name === "search");
  assert.deepEqual(search?.props, { password: "[secret]", search_term: "[email]" });
  assert.deepEqual(search?.items, [{ item_id: "sku1", item_name: "call [phone]" }]);
  assert.deepEqual(search?.page, { title: "Title of /p/7", url: `${site.url}/p/7?token=[secret]` });
});

test("what the collector cannot use is not sent, and the page is told", async (t) => {
  const site = await shop(t);
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await page.ready();
  await page.with(`(beckon) => { beckon.track("purchase", { value: "12 EUR" }); beckon.track("login"); }`);
  await page.with("(beckon) => beckon.flush()");
  assert.deepEqual(site.names(), ["page_view", "login"]);
  const last = await page.with(
    "(beckon) => beckon.inspect().last.map(({ name, status, code }) => ({ name, status, code }))",
  );
  assert.deepEqual(
    last,
    [
      { name: "login", status: "stored" },
      { name: "purchase", status: "rejected", code: "bad_value" },
      { name: "page_view", status: "stored" },
    ].map((event) => ({ code: undefined, ...event })),
  );
});

test("each address of a single-page shop is one page view, with the title it gets afterwards", async (t) => {
  const site = await shop(t);
  const page = await visitor(t, chrome);
  await page.goto(`${site.url}/a`);
  await page.ready();
  await page.evaluate(() => {
    history.pushState(null, "", "/b");
    document.title = "B";
  });
  await page.evaluate(() => {
    history.replaceState(null, "", "/b");
    history.pushState(null, "", "/b#reviews");
    history.replaceState(null, "", "/c?x=1");
    document.title = "C";
  });
  await page.evaluate(() => history.back());
  await page.waitForURL(`${site.url}/b`);
  await page.with("(beckon) => beckon.flush()");
  const views = site.events().map(({ name, page }) => [name, page.url.slice(site.url.length), page.title]);
  assert.deepEqual(views.slice(0, 3), [
    ["page_view", "/a", "Title of /a"],
    ["page_view", "/b", "B"],
    ["page_view", "/c?x=1", "C"],
  ]);
  assert.deepEqual(
    views.slice(3).map(([name, url]) => [name, url]),
    [["page_view", "/b"]],
  );
  assert.equal(site.events()[1].page.referrer, `${site.url}/a`);
});

test("clicks on buttons are captured, not in parts of the page that ask to be ignored", async (t) => {
  const site = await shop(t);
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await page.ready();
  await page.click("#buy b");
  await page.click("#quiet");
  await page.with("(beckon) => beckon.flush()");
  const clicks = site.events().filter(({ name }) => name === "click");
  assert.deepEqual(
    clicks.map(({ props }) => props),
    [{ button_id: "buy", button_text: "Buy now" }],
  );
});

test("a batch without an answer is sent again with the same ids, after the time it was told", async (t) => {
  const site = await shop(t);
  let refusals = 2;
  site.answer = (batch) =>
    refusals-- > 0 ? { status: 503, headers: { "retry-after": "1" } } : { status: 200, body: stored(batch) };
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  const started = Date.now();
  await until("the third try", () => site.batches.length === 3);
  const ids = site.batches.map(({ events }) => events.map((/** @type {Sent} */ { id }) => id).join());
  assert.equal(new Set(ids).size, 1);
  assert(Date.now() - started > 1900, "it did not wait");
  await until("nothing waits", () => page.with("(beckon) => beckon.inspect().queue === 0"));
});

test("what was not answered when the page was left is sent by the next page", async (t) => {
  const site = await shop(t);
  site.answer = () => ({ status: 503 });
  const page = await visitor(t, chrome);
  await page.goto(`${site.url}/first`);
  await page.ready();
  await page.with(`(beckon) => beckon.track("add_to_cart", { items: [{ item_id: "sku1" }] })`);
  await page.goto(`${site.url}/second`);
  const [first] = site.events();
  site.answer = (batch) => ({ status: 200, body: stored(batch) });
  site.batches.length = 0;
  await until("all of them arrive", () => site.names().includes("add_to_cart") && site.names().includes("page_view"));
  await until("nothing waits", () => page.with("(beckon) => beckon.inspect().queue === 0"));
  assert(site.events().some(({ id }) => id === first.id));
});

test("a batch that is too large is split until it fits", async (t) => {
  const site = await shop(t);
  site.answer = (batch) =>
    batch.events.length > 3 ? { status: 413, body: "<html>no JSON</html>" } : { status: 200, body: stored(batch) };
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await page.ready();
  await page.with(`(beckon) => { for (let n = 0; n < 12; n++) beckon.track("own_" + n); }`);
  await until("nothing waits", async () => {
    await page.with("(beckon) => beckon.flush()");
    return page.with("(beckon) => beckon.inspect().queue === 0");
  });
  const fitting = site.batches.filter(({ events }) => events.length <= 3).flatMap(({ events }) => events);
  assert.equal(new Set(fitting.map(({ id }) => id)).size, 13);
});

test("a refused batch is dropped, not repeated", async (t) => {
  const site = await shop(t);
  site.answer = () => ({ status: 401, body: { code: "bad_key" } });
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await page.ready();
  await page.with("(beckon) => beckon.flush()");
  assert.equal(await page.with("(beckon) => beckon.inspect().queue"), 0);
  assert.equal(site.batches.length, 1);
});

test("decisions: what is known at once, then the engine's, then without any network, then kept for the next page", async (t) => {
  const site = await shop(t, {
    options: `bootstrap: { decisions: { hero: { offer: "inlined", content: "inlined" } } }`,
    script: `window.first = beckon.decide("hero", { fallback: "own" });
      window.side = beckon.decide("side", { fallback: "own" });
      window.seen = []; beckon.onDecision("hero", (decision) => window.seen.push(decision.content));`,
  });
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  const { first, side } = /** @type {any} */ (await page.evaluate("({ first, side })"));
  assert.deepEqual([first.content, first.source], ["inlined", "bootstrap"]);
  assert.deepEqual([side.content, side.source, side.offer], ["own", "fallback", null]);
  await page.ready();
  await page.route("**/v1/**", (route) => route.abort());
  await page.with(`(beckon) => beckon.track("add_to_cart", { items: [{ item_id: "sku1", price: 9 }] })`);
  const decision = await page.with(`(beckon) => beckon.decide("hero")`);
  assert.deepEqual(
    [decision.offer, decision.arm, decision.content, decision.source, decision.reason, decision.why],
    ["free-ship", "a", "free", "local", "segment", [{ code: "segment", id: "cart-abandoner" }]],
  );
  assert.deepEqual(await page.with("(beckon) => [beckon.segments(), beckon.matches('cart-abandoner')]"), [
    ["cart-abandoner"],
    true,
  ]);
  await until("both were told", async () => String(await page.evaluate("window.seen")) === "hello,free");
  await page.goto(`${site.url}/next`);
  const kept = /** @type {any} */ (await page.evaluate("window.first"));
  assert.deepEqual([kept.content, kept.source], ["free", "cached"]);
});

test("facts and segments that only the collector knows come with the answer to a session's first batch", async (t) => {
  const site = await shop(t);
  site.answer = (batch) => ({
    status: 200,
    body: {
      ...stored(batch),
      decision: batch.decide && {
        bundle: 3,
        segments: ["told"],
        facts: { "device.type": "phone", "rfm.segment": "loyal", visits: 99 },
      },
    },
  });
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await page.ready();
  await page.with("(beckon) => beckon.flush()");
  const { facts, segments } = await page.with("(beckon) => beckon.inspect()");
  assert.deepEqual([facts["device.type"], facts["rfm.segment"], facts.visits], ["phone", "loyal", 1]);
  assert.deepEqual(segments, ["told"]);
  await page.goto(`${site.url}/next`);
  await page.ready();
  await page.with("(beckon) => beckon.flush()");
  assert.deepEqual(
    site.batches.map(({ decide }) => Boolean(decide)),
    [true, ...site.batches.slice(1).map(() => false)],
  );
  assert.equal((await page.with("(beckon) => beckon.inspect()")).facts["device.type"], "phone");
});

test("an order that is told twice counts once, and tabs share what they remember", async (t) => {
  const site = await shop(t);
  const page = await visitor(t, chrome);
  const order = `(beckon) => beckon.track("purchase", { transaction_id: "t1", value: 9, currency: "EUR" })`;
  const facts = () => page.with("(beckon) => (beckon.decide('hero'), beckon.inspect().facts)");
  await page.goto(site.url);
  await page.ready();
  await page.with(order);
  const other = await page.context().newPage();
  await other.goto(`${site.url}/thanks`);
  await other.waitForFunction(`window.beckon?.decide("hero").source === "local"`);
  await other.evaluate(`(${order})(window.beckon)`);
  await other.evaluate("window.beckon.flush()");
  // Browsers take a moment to show one tab what another one has stored.
  const memory = `localStorage["beckon.pk_test.memory"]`;
  await until("both see the same", async () => (await page.evaluate(memory)) === (await other.evaluate(memory)));
  await page.with(`(beckon) => beckon.track("login")`);
  const { "sum.purchase": sum, "n.purchase": orders, "n.page_view": views } = await facts();
  assert.deepEqual({ sum, orders, views }, { sum: 9, orders: 1, views: 2 });
});

test("recommend() hands on the collector's list, and an empty one when none comes in time", async (t) => {
  const site = await shop(t);
  site.decided = { slots: { also: { items: [{ id: "sku2", score: 1, why: {} }], source: "sessions" } } };
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  const ask = `(beckon) => beckon.recommend("also", { n: 4, item: "sku1", timeout: 1000 })`;
  assert.deepEqual(await page.with(ask), site.decided.slots.also);
  site.stuck = (path) => path === "/v1/decide";
  assert.deepEqual(await page.with(`(beckon) => beckon.recommend("also")`), { items: [], source: "fallback" });
});

test("identify() joins what follows to the user, reset() begins with somebody new", async (t) => {
  const site = await shop(t);
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await page.ready();
  await page.with(`(beckon) => { beckon.identify(42, { plan: "gold" }); beckon.track("login"); }`);
  await page.with("(beckon) => beckon.flush()");
  assert.equal((await page.with("(beckon) => beckon.inspect()")).facts["trait.plan"], "gold");
  await page.with(`(beckon) => { beckon.reset(); beckon.track("search"); }`);
  await page.with("(beckon) => beckon.flush()");
  const whose = (/** @type {string} */ name) =>
    site.batches.find(({ events }) => events.some((/** @type {Sent} */ event) => event.name === name));
  assert.equal(whose("login").user, "42");
  assert.equal(whose("search").user, undefined);
  assert.notEqual(whose("search").visitor, whose("login").visitor);
  assert.equal((await page.with("(beckon) => beckon.inspect()")).facts["trait.plan"], undefined);
});

test("denied: nothing is stored, fetched or sent, and what was stored is deleted", async (t) => {
  const site = await shop(t);
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await page.ready();
  await page.with("(beckon) => beckon.flush()");
  await page.with(`(beckon) => { beckon.consent("denied"); beckon.track("login"); beckon.page(); }`);
  assert.equal(await page.evaluate("Object.keys(localStorage).length"), 0);
  const asked = site.requests.length;
  assert.deepEqual(await page.with(`(beckon) => beckon.recommend("also")`), { items: [], source: "fallback" });
  const decision = await page.with(`(beckon) => beckon.decide("hero", { fallback: "own" })`);
  assert.deepEqual([decision.content, decision.source], ["own", "fallback"]);
  await page.with("(beckon) => beckon.flush()");
  await page.goto("about:blank");
  assert.equal(site.requests.length, asked);
  assert(!site.names().includes("login"));
});

test("pending: events wait without an id until there is consent, which is remembered", async (t) => {
  const site = await shop(t, { options: `consent: "pending"` });
  const page = await visitor(t, chrome);
  await page.goto(`${site.url}/first`);
  await page.with("(beckon) => beckon.flush()");
  assert.equal(await page.evaluate("Object.keys(localStorage).length"), 0);
  assert.deepEqual(site.batches, []);
  assert.equal((await page.with("(beckon) => beckon.inspect()")).visitor || null, null);
  await page.with(`(beckon) => beckon.consent("granted")`);
  await page.with("(beckon) => beckon.flush()");
  assert.deepEqual(site.names(), ["page_view"]);
  await page.goto(`${site.url}/second`);
  await until("the second page counts by itself", () => site.names().filter((name) => name === "page_view").length > 1);
});

test("Global Privacy Control means denied until the visitor agrees", async (t) => {
  const site = await shop(t);
  const page = await visitor(t, chrome);
  await page.addInitScript(`Object.defineProperty(navigator, "globalPrivacyControl", { value: true })`);
  await page.goto(site.url);
  await page.with("(beckon) => beckon.flush()");
  assert.equal(await page.evaluate("Object.keys(localStorage).length"), 0);
  await page.with(`(beckon) => { beckon.consent("granted"); beckon.track("login"); }`);
  await page.with("(beckon) => beckon.flush()");
  assert.deepEqual(site.names(), ["login"]);
});

test("an engine that traps is switched off, and the page goes on without it", async (t) => {
  const site = await shop(t);
  const page = await visitor(t, chrome);
  // The smallest module that has the exports of the engine's and traps: `(func (export "call") unreachable)`.
  const body = Buffer.from(
    "0061736d01000000010c0260017f017f60027f7f017f030302000105030100010718" +
      "03066d656d6f72790200" +
      "04726f6f6d0000" +
      "0463616c6c0001" +
      "0a0a0204004100" +
      "0b0300000b",
    "hex",
  );
  await page.route("**/engine.wasm", (route) => route.fulfill({ contentType: "application/wasm", body }));
  await page.goto(`${site.url}/?email=jo@mail.example`);
  await page.with("(beckon) => beckon.flush()");
  assert.deepEqual(
    site.events().map(({ name, page }) => [name, page.url]),
    [["page_view", `${site.url}/`]],
  );
  const { tier } = await page.with("(beckon) => beckon.inspect()");
  assert.equal(tier, 0);
  const decision = await page.with(`(beckon) => beckon.decide("hero", { fallback: "own" })`);
  assert.equal(decision.content, "own");
});

test("what the page throws at it does not come back", async (t) => {
  const site = await shop(t);
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await page.ready();
  await page.with(`(beckon) => {
    const circle = {}; circle.self = circle;
    beckon.track("circle", circle);
    beckon.track("big", { n: 10n });
    beckon.track("getter", { get x() { throw new Error("x"); } });
    beckon.track(); beckon.track(null, null); beckon.identify(); beckon.consent("what"); beckon.consent("granted");
    beckon.onDecision("hero", () => { throw new Error("the shop's own"); });
    beckon.on("change", () => { throw new Error("the shop's own"); });
    beckon.decide(); beckon.matches(); beckon.debug(true);
    beckon.track("login");
  }`);
  await page.with("(beckon) => beckon.flush()");
  assert(site.names().includes("login"));
});

test("on a server it imports, answers with the fallback and does nothing", async () => {
  const { init } = await import(pathToFileURL(join(DIST, "beckon.js")).href);
  const beckon = init({ key: "pk_server", endpoint: "http://127.0.0.1:9" });
  beckon.track("login");
  beckon.page();
  beckon.identify("42");
  beckon.consent("granted");
  beckon.reset();
  beckon.onDecision("hero", () => assert.fail("nobody decides here"))();
  await beckon.flush();
  assert.deepEqual(await beckon.recommend("also"), { items: [], source: "fallback" });
  assert.equal(beckon.decide("hero", { fallback: "own" }).content, "own");
  assert.deepEqual(beckon.segments(), []);
  assert.equal(beckon.inspect().tier, 0);
});

test("who waits for a decision hears nothing until there is one", async (t) => {
  const site = await shop(t, {
    script: `window.seen = []; beckon.onDecision("hero", (decision) => window.seen.push(decision));`,
  });
  site.stuck = (path) => path === "/v1/bundle";
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await until("the engine runs", () => page.with("(beckon) => beckon.inspect().tier"));
  await page.with(`(beckon) => (beckon.track("share"), beckon.flush())`);
  await until("the event is there", () => site.names().includes("share"));
  assert.deepEqual(await page.evaluate("window.seen"), []);
});

test("a page that is rendered ahead counts as of when it is shown, and not if it never is", async (t) => {
  const site = await shop(t, {
    options: "capture: { web_vitals: false, user_engagement: false, scroll: false }",
    before: `window.ahead = true; Object.defineProperty(document, "prerendering", { get: () => window.ahead });`,
    script: `beckon.track("login", { method: "x" });`,
  });
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  // Its offers are drawn ahead.
  await page.ready();
  await page.with("(beckon) => beckon.flush()");
  await page.evaluate(`dispatchEvent(new Event("pagehide"))`);
  assert.deepEqual(site.names(), []);
  const shown = await page.evaluate(`window.ahead = false; const now = Date.now();
    document.dispatchEvent(new Event("prerenderingchange")); now`);
  await page.with(`(beckon) => { beckon.track("search"); return beckon.flush(); }`);
  assert.deepEqual(site.names(), ["page_view", "login", "search"]);
  for (const { at } of site.events()) assert(Date.parse(at) >= Number(shown), at);
  assert.deepEqual(site.events()[1].props, { method: "x" });
});
