/** Each capture can be switched off, and takes nothing else with it. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { opened } from "./capture_stage.mjs";
import { browser, collector, until } from "./stage.mjs";

/** @type {import("playwright-core").Browser} */
let chrome;
before(async (t) => {
  chrome = await browser(/** @type {any} */ (t));
});

const HTML = `<a id="file" href="/x.pdf">File</a><p data-beckon-item="sku7"><b id="named" data-beckon-event="own_event">Own</b></p>
  <section data-beckon-event="view_cart"><i data-beckon-item="sku8">Boot</i></section>
  <form><input id="field"><button id="send">Send</button></form>
  <button id="dead">Dead</button>
  <p id="slot" data-beckon-slot="hero">Own <a id="go" href="/cart">Go</a></p>
  <script type="application/ld+json">{ "@type": "Product", "sku": "sku7" }</script><div style="height: 5000px"></div>`;
const BUNDLE = {
  offers: [{ id: "free-ship", slot: "hero", weights_version: 1, arms: [{ id: "a", content: {}, weight: 10_000 }] }],
  slots: [{ id: "hero", kind: "offer", content: null }],
};

/** Each switch, and what it takes away. @type {[name: string, ...gone: string[]][]} */
const SWITCHES = [
  ["page_view", "page_view"],
  ["click", "click"],
  ["file_download", "file_download"],
  ["scroll", "scroll"],
  ["user_engagement", "user_engagement"],
  ["dataLayer", "add_to_cart"],
  ["attributes", "own_event", "view_cart"],
  ["slots", "view_promotion", "select_promotion"],
  ["view_promotion", "view_promotion"],
  ["jsonLd", "view_item"],
  ["view_search_results", "view_search_results"],
  ["form_start", "form_start"],
  ["form_submit", "form_submit"],
  ["exception", "exception"],
  ["rage_click", "rage_click"],
  ["dead_click", "dead_click"],
  ["web_vitals", "web_vitals"],
];
const ALL = new Set(SWITCHES.flatMap(([, ...gone]) => gone));

/**
 * A visit that does everything, until all that it tells has arrived.
 * @param {import("node:test").TestContext} t @param {string} [off]
 */
async function visit(t, off) {
  const page = await opened(t, chrome, {
    html: HTML,
    bundle: BUNDLE,
    path: "/?q=boots",
    capture: off ? { [off]: false } : undefined,
    throws: true,
    // Of several windows one has the focus.
    before: `document.hasFocus = () => true;
      window.ahead = 0; const now = performance.now.bind(performance); performance.now = () => now() + ahead;`,
    script: "window.dataLayer = [{ event: 'add_to_cart', ecommerce: { items: [{ item_id: 'sku1' }] } }]",
  });
  /** @param {string} name */
  const has = (name) => until(name, async () => (await page.sent(name)).length > 0);
  if (off !== "slots" && off !== "view_promotion") await has("view_promotion");
  for (const id of ["file", "named", "field", "send", "go"]) await page.click(`#${id}`);
  await page.fill("#field", "x");
  await page.click("#dead", { clickCount: 3 });
  if (off !== "dead_click") await has("dead_click");
  await page.evaluate(() => {
    setTimeout(() => {
      throw new Error("thrown");
    });
    scrollTo(0, document.documentElement.scrollHeight);
    Object.assign(window, { ahead: 5000 });
  });
  if (off !== "scroll") await has("scroll");
  if (off !== "exception") await has("exception");
  await page.hide(true);
  await page.sent("");
  return page;
}

/** @param {Awaited<ReturnType<typeof visit>>} page */
const missing = (page) => [...ALL].filter((name) => !page.events().some((event) => event.name === name)).sort();

test("a visit tells of everything that the switches name, in words that the collector takes as they are", async (t) => {
  const page = await visit(t);
  assert.deepEqual(missing(page), []);
  const beckon = await collector(t);
  const headers = { "user-agent": await page.evaluate("navigator.userAgent") };
  for (const batch of page.batches) {
    const body = JSON.stringify({ ...batch, key: beckon.publicKey });
    const answer = await fetch(`${beckon.url}/v1/events`, { method: "POST", headers, body });
    const { results } = await answer.json();
    const expected = batch.events.map((/** @type {{ id: string }} */ { id }) => ({ id, status: "stored" }));
    assert.deepEqual(results, expected);
  }
});

test("each switch takes away its own, and nothing else", { concurrency: 4 }, async (t) => {
  const visits = SWITCHES.map(([off, ...gone]) =>
    t.test(off, async (t) => assert.deepEqual(missing(await visit(t, off)), gone.sort())),
  );
  await Promise.all(visits);
});
