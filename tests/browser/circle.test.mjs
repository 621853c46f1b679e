/** The circle in the demo shop: what a visitor does there comes back as another offer, with and without the collector. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { start } from "../../web-demo/serve.mjs";
import { browser, collector, root, until } from "./stage.mjs";

/**
 * A collector with the shop in front of it and nobody else in there; nobody is held out.
 * @param {import("node:test").TestContext} t @param {{ sample?: boolean, live?: boolean }} [shoppers]
 */
async function demo(t, { sample = false, live = false } = {}) {
  const beckon = await collector(t);
  const { url: endpoint, publicKey, secretKey } = beckon;
  const shop = await start({ endpoint, publicKey, secretKey, sample, live });
  t.after(() => shop.stop());
  await beckon.call("PUT", "/v1/site", { holdout: 0 });
  return { beckon, shop };
}

/** Opens the front page and waits for the offer that everybody gets. @param {import("playwright-core").Page} page @param {string} url */
async function arrive(page, url) {
  await page.goto(url);
  await page.locator('#hero[data-offer="welcome"]').waitFor();
}

/** Looks at three shoes and puts the third into the cart. @param {import("playwright-core").Page} page */
async function lookAtShoes(page) {
  for (const index of [0, 1, 2]) {
    await page.locator('.shelves a[href="/c/shoes"]').click();
    await page.locator('#main a[href^="/p/"]').nth(index).click();
    await page.locator("#buy [data-add]").waitFor();
  }
  await page.locator("#buy [data-add]").click();
  await page.locator("a.brand").click();
}

test("three shoes and one in the cart turn the hero into the offer for cart abandoners", async (t) => {
  const { beckon, shop } = await demo(t);
  const page = await (await browser(t)).newPage();
  /** @type {string[]} */
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  await arrive(page, shop.url);
  await lookAtShoes(page);
  await page.locator('#hero[data-offer="free-ship"]').waitFor();
  assert.match((await page.locator("#hero h2").last().textContent()) ?? "", /Still thinking it over/);

  // The collector has come to the same of its own, from what reached it.
  const id = await page.evaluate(() => Object.entries(localStorage).find(([key]) => key.endsWith(".visitor"))?.[1]);
  const profile = await until("the events are in the collector", async () => {
    const profile = await beckon.call("GET", `/v1/visitors/${id}`);
    return profile.facts["n.add_to_cart"] === 1 && profile.facts["n.view_item"] === 3 ? profile : null;
  });
  assert.deepEqual(profile.segments, ["cart-abandoner"]);
  assert.equal(profile.facts["cart.items"], 1);
  assert.equal(profile.facts.top_category, "shoes");
  assert.deepEqual(problems, []);
});

test("the page decides alone once the bundle is there", async (t) => {
  const { beckon, shop } = await demo(t);
  const context = await (await browser(t)).newContext();
  const page = await context.newPage();
  await arrive(page, shop.url);
  let asked = 0;
  await context.route(`${beckon.url}/**`, (route) => {
    asked += 1;
    return route.abort();
  });
  await lookAtShoes(page);
  await page.locator('#hero[data-offer="free-ship"]').waitFor();
  await until("the page tried to send and could not", () => asked > 0);

  // What could not be sent then is sent later, once.
  await context.unroute(`${beckon.url}/**`);
  await until("the events arrived after all", async () => {
    const { rows } = await beckon.call("GET", "/v1/reports/top");
    const sum = (/** @type {number} */ column) =>
      rows.reduce((/** @type {number} */ n, /** @type {any[]} */ row) => n + row[column], 0);
    return sum(3) === 3 && sum(4) === 1;
  });
});

test("the collector is killed in the middle of the demo's traffic and comes back: each event is there once", async (t) => {
  const { beckon, shop } = await demo(t, { sample: true, live: true });
  const seeded = (await beckon.call("GET", "/v1/site")).events;
  assert(seeded > 300);
  for (const more of [2, 4, 6]) {
    await until("shoppers act", async () => (await beckon.call("GET", "/v1/site")).events >= seeded + more);
    await beckon.end("SIGKILL");
    await beckon.start();
  }
  await until("shoppers act on", async () => (await beckon.call("GET", "/v1/site")).events >= seeded + 8);
  const { stored, duplicate, refused, unsent } = await shop.stop();
  assert.equal(refused, 0);
  assert.equal(unsent, 0);
  const lines = (await beckon.call("GET", "/v1/export/events.ndjson")).trim().split("\n");
  const ids = new Set(lines.map((/** @type {string} */ line) => JSON.parse(line).id));
  assert.equal(ids.size, lines.length, "an event is there twice");
  // Every event was acknowledged in the end: as stored, or as a duplicate where the kill swallowed the first answer.
  assert.equal(lines.length, stored + duplicate);
});

test("the demo needs nothing but the npm package in the page", async () => {
  const { readdir, readFile } = await import("node:fs/promises");
  const { join } = await import("node:path");
  const folder = join(root, "web-demo", "src");
  for (const entry of await readdir(folder, { recursive: true })) {
    if (!entry.endsWith(".js")) continue;
    const text = await readFile(join(folder, entry), "utf8");
    assert.doesNotMatch(text, /\/v1\/|XMLHttpRequest|sendBeacon/, entry);
  }
});
