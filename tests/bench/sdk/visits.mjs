/** What arrives of what visitors do: those who leave after an event, those who leave at once, and a whole visit. */
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @typedef {object} Stage
 * @property {import("playwright-core").Browser} browser
 * @property {Awaited<ReturnType<typeof import("./servers.mjs").collector>>} collector
 * @property {Awaited<ReturnType<typeof import("./servers.mjs").shop>>} shop
 */
/** @typedef {import("./peers.mjs").Peer} Peer */

/** How long a request that was begun while the page was left may be under way. */
const UNDER_WAY_MS = 2_500;
/** Longer than any of them waits before it sends a batch, or tries again. */
const BACK_MS = 7_000;

/**
 * 16 visitors who leave right after an event, half of them to another site and half by closing the tab; then each
 * comes back and leaves again. `left` is how many of the events arrived by leaving, `back` how many in the end,
 * `doubled` how many more than once, and `storedTwice` how many of these without an id that tells.
 * @param {Stage} stage @param {Peer} peer
 */
export async function unload({ browser, collector, shop }, peer) {
  const ways = Array.from({ length: 16 }, (_, index) => ({
    mark: `leave_${peer.name}_${index}`,
    close: index % 2 === 1,
  }));
  collector.seen.length = 0;
  const arrived = (/** @type {string} */ mark) => {
    // Not the tenth for the first.
    const whole = new RegExp(`${mark}(?!\\d)`);
    return collector.seen.filter(
      ({ method, path, text }) => method === "POST" && peer.ingest.test(path) && whole.test(text),
    );
  };
  const visits = ways.map(async ({ mark, close }, index) => {
    // Not all at once: the two processors are shared.
    await sleep(index * 400);
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      await page.goto(`${shop.url}/${peer.name}/p/7`);
      await page.waitForTimeout(BACK_MS);
      if (close) {
        await page.evaluate((mark) => /** @type {any} */ (globalThis).shop.track(mark, { value: 1 }), mark);
        await page.close({ runBeforeUnload: true });
      } else {
        const elsewhere = page.waitForURL("**/none/elsewhere", { waitUntil: "commit" });
        await page.evaluate(
          ([mark, url]) => {
            /** @type {any} */ (globalThis).shop.track(mark, { value: 1 });
            location.href = url;
          },
          // Another site, as far as storage and processes go.
          [mark, `${shop.url.replace("127.0.0.1", "localhost")}/none/elsewhere`],
        );
        await elsewhere;
      }
      await sleep(UNDER_WAY_MS);
      const left = arrived(mark).length;
      const back = await context.newPage();
      await back.goto(`${shop.url}/${peer.name}/p/8`);
      await sleep(BACK_MS);
      await back.goto(`${shop.url.replace("127.0.0.1", "localhost")}/none/elsewhere`);
      await sleep(UNDER_WAY_MS);
      return { left, back: arrived(mark).length, twice: !sameId(arrived(mark), peer) };
    } finally {
      await context.close();
    }
  });
  const all = await Promise.all(visits);
  const count = (/** @type {(visit: typeof all[number]) => boolean} */ test) => all.filter(test).length;
  return {
    left: count(({ left }) => left > 0),
    back: count(({ back }) => back > 0),
    doubled: count(({ back }) => back > 1),
    storedTwice: count(({ back, twice }) => back > 1 && twice),
    doubledByNavigation: all.filter(({ back }, index) => back > 1 && !ways[index].close).length,
  };
}

/**
 * Whether requests with one event share an id, by which a server tells that it has it already.
 * @param {import("./servers.mjs").Seen[]} requests @param {Peer} peer
 */
function sameId(requests, { id }) {
  if (!id) return false;
  const [first, ...others] = requests.map(({ text }) => new Set([...text.matchAll(id)].map(([, found]) => found)));
  return others.every((ids) => [...ids].some((one) => first.has(one)));
}

/**
 * Five new visitors who are gone within 150 ms while everything but the first script and the endpoint of events is
 * slow: how many were counted.
 * @param {Stage} stage @param {Peer} peer
 */
export async function bounces({ browser, collector, shop }, peer) {
  let counted = 0;
  for (let visit = 0; visit < 5; visit++) {
    const context = await browser.newContext();
    try {
      const page = await context.newPage();
      [collector.slow, shop.slow] = [true, true];
      collector.seen.length = 0;
      await page.goto(`${shop.url}/${peer.name}/p/7`, { waitUntil: "domcontentloaded" });
      await sleep(100);
      const elsewhere = `${shop.url.replace("127.0.0.1", "localhost")}/none/elsewhere`;
      await page.goto(elsewhere, { waitUntil: "commit" });
      await sleep(UNDER_WAY_MS);
      if (collector.seen.some(({ method, path }) => method === "POST" && peer.ingest.test(path))) counted++;
    } finally {
      [collector.slow, shop.slow] = [false, false];
      await context.close();
    }
  }
  return counted;
}

/**
 * One visit of five pages with three clicks, a product, a cart and an order: what was uploaded for it, and the
 * preflights.
 * @param {Stage} stage @param {Peer} peer
 */
export async function visit({ browser, collector, shop }, peer) {
  collector.seen.length = 0;
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const call = (/** @type {string} */ name, /** @type {object} */ data) =>
      page.evaluate(
        ([name, data]) => /** @type {any} */ (globalThis).shop.track(name, data),
        /** @type {const} */ ([name, data]),
      );
    const click = async (/** @type {string} */ id) => {
      await page.click(`#${id}`);
      const captured = await page.evaluate(() => /** @type {any} */ (globalThis).shop.capturesClicks);
      if (!captured) await call("click", { element: id });
    };
    const items = [{ item_id: "sku7", item_name: "Boot", item_category: "shoes", price: 89, quantity: 1 }];
    const money = { currency: "EUR", value: 89, items };
    /** @type {((() => Promise<unknown>)[])[]} */
    const pages = [
      [],
      [() => call("view_item", money), () => click("size"), () => click("color")],
      [() => click("buy"), () => call("add_to_cart", money)],
      [],
      [() => call("purchase", { ...money, transaction_id: "t1", tax: 14.2, shipping: 0 })],
    ];
    for (const [index, deeds] of pages.entries()) {
      await page.goto(`${shop.url}/${peer.name}/p/${index}`);
      await page.waitForTimeout(1_500);
      for (const deed of deeds) await deed();
      await page.waitForTimeout(1_500);
    }
    await page.goto(`${shop.url.replace("127.0.0.1", "localhost")}/none/elsewhere`);
    await sleep(UNDER_WAY_MS);
  } finally {
    await context.close();
  }
  const { seen } = collector;
  return {
    bytes: seen.reduce((sum, { bytes }) => sum + bytes, 0),
    requests: seen.filter(({ method }) => method !== "OPTIONS").length,
    preflights: seen.filter(({ method }) => method === "OPTIONS").length,
  };
}
