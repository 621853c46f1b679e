/** What a shop may rely on of the way from a page into a real collector: each event arrives, and is stored once. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { request as ask } from "node:http";
import { extname, join } from "node:path";
import { before, test } from "node:test";
import { browser, collector, listening, root, until } from "./stage.mjs";

/** @type {Record<string, string>} */
const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm" };

/**
 * A shop, a real collector on an origin of its own, and the wire between them, which can be cut.
 * @param {import("node:test").TestContext} test
 */
async function shop(test) {
  const beckon = await collector(test);
  const wire = {
    /** How many requests the browser made only to ask whether it may make them. */
    preflights: 0,
    /** How many were cut off. */
    cut: 0,
    offline: false,
    /** Whether nothing but a page, its first script and the endpoint of events answers. */
    stuck: false,
  };
  const endpoint = await listening(test, (request, response) => {
    if (request.method === "OPTIONS") wire.preflights++;
    if (wire.offline) {
      wire.cut++;
      request.socket.destroy();
      return;
    }
    if (wire.stuck && request.url !== "/v1/events") return;
    const { method, headers } = request;
    const passed = ask(`${beckon.url}${request.url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    // What the page no longer waits for, or the collector does not answer, is nobody's mistake here.
    passed.on("error", () => response.destroy());
    request.pipe(passed);
  });
  const url = await listening(test, async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname.startsWith("/beckon/")) {
      if (wire.stuck && pathname !== "/beckon/beckon.js") return;
      const bytes = await readFile(join(root, "sdk-wasm", "dist", pathname.slice("/beckon/".length)));
      return response.setHeader("content-type", TYPES[extname(pathname)] ?? "text/plain").end(bytes);
    }
    const script = `import { init } from "/beckon/beckon.js";
      window.beckon = init({ key: "${beckon.publicKey}", endpoint: "${endpoint}" });`;
    const html = `<!doctype html><title>Shop</title><link rel="icon" href="data:,"><button>Buy</button>`;
    response.setHeader("content-type", "text/html");
    response.end(pathname === "/elsewhere" ? html : `${html}<script type="module">${script}</script>`);
  });
  test.after(() => assert.equal(wire.preflights, 0, "a request needed a preflight"));
  return Object.assign(wire, {
    url,
    /** Another site, as far as browsers keep sites apart. */
    elsewhere: `${url.replace("127.0.0.1", "localhost")}/elsewhere`,
    /** The names of all that the collector has stored, in no order, as often as it has. @returns {Promise<string[]>} */
    async stored() {
      const lines = (await beckon.call("GET", "/v1/export/events.ndjson")).split("\n").filter(Boolean);
      /** @type {{ id: string, name: string }[]} */
      const events = lines.map((/** @type {string} */ line) => JSON.parse(line));
      assert.equal(new Set(events.map(({ id }) => id)).size, events.length, "an id is there twice");
      return events.map(({ name }) => name);
    },
  });
}

/** Each of these was stored exactly once. @param {Awaited<ReturnType<typeof shop>>} site @param {string[]} names */
async function storedOnce(site, names) {
  const count = async () => {
    const stored = await site.stored();
    return names.map((name) => stored.filter((other) => other === name).length);
  };
  try {
    await until("every event is stored", async () => (await count()).every((times) => times > 0));
  } finally {
    const counts = await count();
    const wrong = names.map((name, index) => [name, counts[index]]).filter(([, times]) => times !== 1);
    assert.deepEqual(wrong, [], "not stored exactly once");
  }
}

/** @type {import("playwright-core").Browser} */
let chrome;
before(async (t) => {
  chrome = await browser(/** @type {any} */ (t));
});

/** @param {import("node:test").TestContext} test */
async function visitor(test) {
  const context = await chrome.newContext();
  test.after(() => context.close());
  return context;
}

/** @typedef {import("playwright-core").Page} Page */

/** Tracks events of these names at once. @param {Page} page @param {string[]} names */
const track = (page, names) =>
  page.evaluate((names) => {
    for (const name of names) /** @type {any} */ (window).beckon.track(name, { value: 1 });
  }, names);
/** The page runs the package. @param {Page} page */
const started = (page) => page.waitForFunction("window.beckon");
/** The page runs the engine. @param {Page} page */
const running = (page) => page.waitForFunction("window.beckon?.inspect().tier === 1");

/** How visitors leave, and what a visitor's page was up to when they did. */
const LEAVING = [
  { way: "to another site", ready: started, leave: goElsewhere },
  { way: "to another site, with the engine running", ready: running, leave: goElsewhere },
  { way: "by closing the tab", ready: started, leave: closeTab },
  { way: "by closing the tab, with the engine running", ready: running, leave: closeTab },
];

/** @param {Page} page @param {string[]} names @param {string} elsewhere */
async function goElsewhere(page, names, elsewhere) {
  const gone = page.waitForURL(elsewhere);
  await page.evaluate(
    ({ names, elsewhere }) => {
      for (const name of names) /** @type {any} */ (window).beckon.track(name, { value: 1 });
      location.href = elsewhere;
    },
    { names, elsewhere },
  );
  await gone;
}

/** @param {Page} page @param {string[]} names */
async function closeTab(page, names) {
  await track(page, names);
  await page.close({ runBeforeUnload: true });
}

test("sixteen visitors leave right after an event: all sixteen are stored, each once", async (t) => {
  const site = await shop(t);
  /** @type {string[]} */
  const names = [];
  for (const [index, { ready, leave }] of LEAVING.entries()) {
    for (let visit = 0; visit < 4; visit++) {
      const page = await (await visitor(t)).newPage();
      await page.goto(`${site.url}/p/7`);
      await ready(page);
      const name = `left_${index}_${visit}`;
      names.push(name);
      await leave(page, [name], site.elsewhere);
    }
  }
  await storedOnce(site, names);
});

test("five visitors are gone at once while all but the endpoint of events is stuck: all five are counted", async (t) => {
  const site = await shop(t);
  site.stuck = true;
  for (let visit = 0; visit < 5; visit++) {
    const page = await (await visitor(t)).newPage();
    await page.goto(`${site.url}/p/7`, { waitUntil: "domcontentloaded" });
    await page.goto(site.elsewhere);
  }
  const views = await until("they are counted", async () => {
    const views = (await site.stored()).filter((name) => name === "page_view");
    return views.length >= 5 ? views : null;
  });
  assert.equal(views.length, 5);
});

/** The same run of numbers from 0 to 1 each time. @param {number} seed */
function random(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test("three tabs track 200 events each and are closed, reloaded and left at random: each event is stored once", async (t) => {
  const site = await shop(t);
  const context = await visitor(t);
  const names = await Promise.all(
    [1, 2, 3].map(async (tab) => {
      const next = random(tab);
      const open = async () => {
        const page = await context.newPage();
        await page.goto(`${site.url}/p/${tab}`);
        await started(page);
        return page;
      };
      let page = await open();
      const names = Array.from({ length: 200 }, (_, index) => `tab_${tab}_${index}`);
      for (let done = 0; done < names.length; ) {
        const some = names.slice(done, done + 1 + Math.floor(next() * 25));
        done += some.length;
        const way = next();
        if (way < 0.2) await closeTab(page, some);
        else if (way < 0.4) await goElsewhere(page, some, site.elsewhere);
        else await track(page, some);
        if (way < 0.2) page = await open();
        else if (way < 0.6) {
          await page.goto(`${site.url}/p/${tab}`);
          await started(page);
        }
      }
      await closeTab(page, []);
      return names;
    }),
  );
  // What a leaving page could no longer send comes with the next one.
  await started(await context.newPage().then((page) => page.goto(site.url).then(() => page)));
  await storedOnce(site, names.flat());
});

test("what happens in a minute without a network, over a reload, is stored once when it is back", async (t) => {
  const site = await shop(t);
  const page = await (await visitor(t)).newPage();
  await page.clock.install();
  await page.goto(`${site.url}/p/7`);
  await started(page);
  site.offline = true;
  const names = Array.from({ length: 60 }, (_, index) => `offline_${index}`);
  await track(page, names.slice(0, 30));
  await page.clock.runFor(30_000);
  await until("the page has tried to send", () => site.cut > 0);
  await page.reload();
  await started(page);
  await track(page, names.slice(30));
  await page.clock.runFor(30_000);
  assert.deepEqual(
    (await site.stored()).filter((name) => name.startsWith("offline")),
    [],
  );
  site.offline = false;
  // The longest that a page waits before it tries again.
  await page.clock.runFor(400_000);
  await storedOnce(site, names);
});

test("a page whose process is killed loses nothing that it had kept: the next page sends it", async (t) => {
  const site = await shop(t);
  const context = await visitor(t);
  const page = await context.newPage();
  await page.goto(`${site.url}/p/7`);
  await running(page);
  site.offline = true;
  const names = Array.from({ length: 20 }, (_, index) => `killed_${index}`);
  await track(page, names);
  await page.waitForFunction(
    (last) => Object.values(localStorage).some((text) => text.includes(`"${last}"`)),
    "killed_19",
  );
  const crashed = page.waitForEvent("crash");
  // The answer never comes: there is nobody left who could give it.
  page.goto("chrome://crash").catch(() => {});
  await crashed;
  site.offline = false;
  const next = await context.newPage();
  await next.goto(`${site.url}/p/8`);
  await storedOnce(site, names);
});
