/** What becomes of events that could not be sent at once: whose they are, where they wait, and when they go. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { shop, stored, visitor } from "./shop.mjs";
import { browser, until } from "./stage.mjs";

/** @type {import("playwright-core").Browser} */
let chrome;
before(async (t) => {
  chrome = await browser(/** @type {any} */ (t));
});

/** Page views and what the test tracks, nothing else: the counts are exact. */
const BARE = "capture: { web_vitals: false, user_engagement: false, scroll: false }";

/** @typedef {Awaited<ReturnType<typeof shop>>} Shop */
/** @typedef {import("./shop.mjs").Sent} Sent */

/** Another tab of the same visitor. @param {import("playwright-core").Page} page @param {string} url */
async function tab(page, url) {
  const other = await page.context().newPage();
  await other.goto(url);
  await other.waitForFunction(`window.beckon?.decide("hero").source === "local"`);
  return other;
}

/** How often each event was taken by an answer of 200. @param {any[]} taken */
const times = (taken) => {
  /** @type {Record<string, number>} */
  const count = {};
  for (const { events } of taken) for (const { name } of events) count[name] = (count[name] ?? 0) + 1;
  return count;
};

/** Answers 503 until told otherwise, and notes what it took. @param {Shop} site */
function door(site) {
  const state = { open: false, taken: /** @type {any[]} */ ([]) };
  site.answer = (batch) => {
    if (!state.open) return { status: 503 };
    state.taken.push(batch);
    return { status: 200, body: stored(batch) };
  };
  return state;
}

/** @type {Record<number, boolean>} whether a batch that was answered so is sent again */
const AGAIN = { 400: false, 401: false, 403: false, 408: true, 413: false, 429: true, 500: true, 502: true, 503: true };
for (const [status, again] of Object.entries(AGAIN)) {
  test(`an answer of ${status} ${again ? "is tried again" : "is final"}`, async (t) => {
    const site = await shop(t, { options: BARE });
    site.answer = (batch) =>
      site.batches.length > 1 ? { status: 200, body: stored(batch) } : { status: Number(status), body: {} };
    const page = await visitor(t, chrome);
    await page.goto(site.url);
    await until("the queue is empty", async () => {
      await page.with("(beckon) => beckon.flush()");
      return page.with("(beckon) => beckon.inspect().queue === 0");
    });
    const ids = site.events().map(({ id }) => id);
    assert.deepEqual([ids.length, new Set(ids).size], [again ? 2 : 1, 1]);
  });
}

test("what a closed tab left, another open tab sends, under the ids that it had", async (t) => {
  const site = await shop(t, { options: BARE });
  const gate = door(site);
  const page = await visitor(t, chrome);
  await page.goto(`${site.url}/stays`);
  await page.ready();
  const [first, second] = [await tab(page, `${site.url}/one`), await tab(page, `${site.url}/two`)];
  for (const [name, other] of Object.entries({ first, second }))
    await other.evaluate(`for (let n = 0; n < 30; n++) beckon.track("${name}_" + n); beckon.decide("hero")`);
  await first.close();
  await second.close();
  gate.open = true;
  // A tab that is looked at again looks for what others left.
  await page.evaluate(`document.dispatchEvent(new Event("visibilitychange", { bubbles: true }))`);
  await until("all of them are taken", () => Object.keys(times(gate.taken)).length === 61);
  await until("nothing waits", () => page.with("(beckon) => beckon.inspect().queue === 0"));
  // What a tab sent as it was closed may arrive as late as now; the collector tells it by its id.
  const ids = new Set(gate.taken.flatMap(({ events }) => events.map((/** @type {Sent} */ { id }) => id)));
  assert.equal(ids.size, 63);
  assert.deepEqual(await page.evaluate(`Object.keys(localStorage).filter((name) => name.includes(".queue."))`), []);
});

test("what waits in an open tab is not sent by another one", async (t) => {
  const site = await shop(t, { options: BARE });
  const gate = door(site);
  const page = await visitor(t, chrome);
  await page.goto(`${site.url}/first`);
  await page.ready();
  await page.with(`(beckon) => beckon.track("login")`);
  await until("it is kept", () => page.evaluate(`Object.values(localStorage).some((text) => text.includes("login"))`));
  gate.open = true;
  site.batches.length = 0;
  const other = await tab(page, `${site.url}/second`);
  await other.evaluate(`document.dispatchEvent(new Event("visibilitychange", { bubbles: true }))`);
  await other.evaluate("beckon.flush()");
  await until("the other tab's own", () => site.names().length > 0);
  assert.deepEqual(
    site.events().map(({ name, page }) => [name, page.title]),
    [["page_view", "Title of /second"]],
  );
  await page.with("(beckon) => beckon.flush()");
  await until("its own", () => site.names().includes("login"));
});

test("an event more is not the whole queue written again", async (t) => {
  const site = await shop(t, {
    options: BARE,
    before: `window.written = 0;
      const proxy = new Proxy(localStorage, { set(target, name, text) {
        if (name.includes(".queue.")) window.written += text.length;
        target[name] = text;
        return true;
      }, deleteProperty: (target, name) => delete target[name] });
      Object.defineProperty(window, "localStorage", { value: proxy });`,
  });
  door(site);
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await page.ready();
  await page.with(`async (beckon) => { for (let n = 0; n < 400; n++) {
    beckon.track("own", { n }); beckon.decide("hero"); await new Promise((resolve) => setTimeout(resolve)); } }`);
  await until("all wait", () => page.with("(beckon) => beckon.inspect().queue === 401"));
  const { written, size } = /** @type {any} */ (
    await page.evaluate(`({ written, size: Object.keys(localStorage).filter((name) => name.includes(".queue."))
      .reduce((sum, name) => sum + localStorage[name].length, 0) })`)
  );
  assert(size > 401 * 100 && written > size, "the queue has no copy");
  // A part has 20 events, and so is written ten times its length on average until it is full.
  assert(written < 12 * size, `${written} written for ${size}`);
});

test("a queue has its limits, and the newest events stay", async (t) => {
  const site = await shop(t, { options: BARE });
  const gate = door(site);
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await page.ready();
  await page.with(`(beckon) => { for (let n = 0; n < 1300; n++) beckon.track("many_" + n); beckon.decide("hero"); }`);
  assert.equal(await page.with("(beckon) => beckon.inspect().queue"), 1000);
  await page.with(`(beckon) => { for (let n = 0; n < 300; n++) beckon.track("long_" + n, { text: "x".repeat(4000) });
    beckon.decide("hero"); }`);
  const length = await page.evaluate(`Object.keys(localStorage).filter((name) => name.includes(".queue."))
    .reduce((sum, name) => sum + localStorage[name].length, 0)`);
  assert(Number(length) < 600_000 && Number(length) > 400_000, `${length} characters`);
  gate.open = true;
  await page.with("(beckon) => beckon.flush()");
  assert(site.names().includes("long_299"));
});

test("a page that is left sends what browsers keep alive, and the next page the rest", async (t) => {
  const site = await shop(t, { options: BARE });
  const page = await visitor(t, chrome);
  /** @type {number[]} */
  const lengths = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/v1/events")) lengths.push(request.postData()?.length ?? 0);
  });
  await page.goto(`${site.url}/first`);
  await page.ready();
  await page.with("(beckon) => beckon.flush()");
  lengths.length = 0;
  await page.with(`(beckon) => { for (let n = 0; n < 300; n++) beckon.track("own_" + n, { text: "x".repeat(600) });
    location.assign("/second"); }`);
  await page.waitForURL("**/second");
  await until("all have arrived", () => new Set(site.names().filter((name) => name.startsWith("own"))).size === 300);
  await until("nothing waits", () => page.with("(beckon) => beckon.inspect().queue === 0"));
  assert(lengths.length > 4, "it went in too few requests for the limit to matter");
  assert(Math.max(...lengths) < 48 << 10, `a batch of ${Math.max(...lengths)}`);
});

/** @type {Record<string, string>} */
const STORAGE = {
  "": "",
  ", also where storage is full": `const full = () => { throw new DOMException("full", "QuotaExceededError"); };
    Object.defineProperty(window, "localStorage", { value: new Proxy(localStorage, { set: full }) });`,
};
for (const [where, before] of Object.entries(STORAGE)) {
  test(`a page that comes back from the back/forward cache counts as viewed and sends on${where}`, async (t) => {
    const cached = await browser(t, { ignoreDefaultArgs: ["--disable-back-forward-cache"] });
    const site = await shop(t, {
      options: BARE,
      before,
      script: `window.shown = 0; addEventListener("pageshow", ({ persisted }) => { if (persisted) window.shown++; });`,
    });
    const gate = door(site);
    const page = await visitor(t, cached);
    await page.goto(`${site.url}/first`);
    await page.ready();
    await page.with(`(beckon) => beckon.track("login")`);
    await page.goto(`${site.url}/second`);
    await page.ready();
    gate.open = true;
    await page.goBack({ waitUntil: "commit" });
    await until("it was in the cache", async () => (await page.evaluate("window.shown")) === 1);
    await page.with(`(beckon) => beckon.track("sign_up")`);
    await page.with("(beckon) => beckon.flush()");
    await until("all are taken", () => Object.keys(times(gate.taken)).length === 3);
    await until("nothing waits", () => page.with("(beckon) => beckon.inspect().queue === 0"));
    // Of what a page sends as it is left, the page never sees the answer: it goes again, under the same id.
    const distinct = [
      ...new Map(gate.taken.flatMap(({ events }) => events).map((event) => [event.id, event])).values(),
    ];
    assert.deepEqual(times([{ events: distinct }]), { page_view: 3, login: 1, sign_up: 1 });
    const views = distinct.filter(({ name }) => name === "page_view");
    assert.deepEqual(views.map(({ page }) => new URL(page.url).pathname).sort(), ["/first", "/first", "/second"]);
  });
}

test("a network that comes back is used at once", async (t) => {
  const site = await shop(t, { options: BARE });
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await page.ready();
  await page.with("(beckon) => beckon.flush()");
  await page.context().setOffline(true);
  for (let n = 0; n < 6; n++) {
    await page.with(`(beckon) => beckon.track("own_${n}")`);
    await page.with("(beckon) => beckon.flush()");
  }
  assert.equal(site.events().length, 1);
  // Six failures in a row would be a wait of half a minute.
  await page.context().setOffline(false);
  await until("they arrive", () => site.events().length === 7);
});

/** @type {Record<string, { consent: string, sends: boolean, keeps: boolean }>} */
const LATER = {
  "still agree": { consent: "granted", sends: true, keeps: true },
  "have to be asked again": { consent: "pending", sends: false, keeps: true },
  refuse: { consent: "denied", sends: false, keeps: false },
};
for (const [what, { consent, sends, keeps }] of Object.entries(LATER)) {
  test(`what an earlier page left, of visitors who ${what}`, async (t) => {
    const site = await shop(t, { options: `${BARE}, consent: new URLSearchParams(location.search).get("consent")` });
    const gate = door(site);
    const page = await visitor(t, chrome);
    await page.goto(`${site.url}/?consent=granted`);
    await page.ready();
    await page.with(`(beckon) => beckon.track("login")`);
    await page.goto("about:blank");
    gate.open = true;
    site.batches.length = 0;
    await page.goto(`${site.url}/?consent=${consent}`);
    await page.with("(beckon) => beckon.flush()");
    if (sends) await until("it is sent", () => site.names().includes("login"));
    assert.equal(site.names().includes("login"), sends);
    const kept = `Object.values(localStorage).some((text) => text.includes("login"))`;
    if (!sends) assert.equal(await page.evaluate(kept), keeps);
    if (consent !== "pending") return;
    await page.with(`(beckon) => beckon.consent("granted")`);
    await until("it is sent now", () => site.names().includes("login"));
  });
}

test("what cannot be read in storage is thrown away", async (t) => {
  const site = await shop(t, {
    options: BARE,
    before: `for (const text of ["garbage", "{\\n{", '{"visitor":1}\\nnull\\n', ""]) localStorage["beckon.pk_test.queue." + text.length] = text;
      localStorage["beckon.pk_test.missed"] = "{";
      localStorage["beckon.pk_test.decisions"] = "[";
      localStorage["beckon.pk_test.memory"] = "%";`,
  });
  const page = await visitor(t, chrome);
  await page.goto(site.url);
  await page.with("(beckon) => beckon.flush()");
  await until("the page view arrives", () => site.names().includes("page_view"));
  await until("the garbage is gone", () =>
    page.evaluate(`!Object.keys(localStorage).some((name) => name.includes(".queue."))`),
  );
});

test("where tier 1 never comes, what pages leave behind them is of few names", async (t) => {
  const site = await shop(t);
  site.stuck = (path) => path === "/beckon/tier1.js" || path === "/v1/events";
  const page = await visitor(t, chrome);
  for (const path of ["/first", "/second", "/third"]) {
    await page.goto(site.url + path);
    await page.waitForFunction("window.beckon");
  }
  const names = /** @type {string[]} */ (await page.evaluate("Object.keys(localStorage)"));
  const queues = names.filter((name) => name.includes("queue"));
  assert(queues.length > 0);
  for (const name of queues) assert.match(name, /^beckon\.pk_test\.queue\.[0-9a-f]{2}$/);
});
