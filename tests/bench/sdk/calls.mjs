/** What a call costs the page: track() over 5,000 events, decide() from a large bundle. */

/** @typedef {import("playwright-core").Browser} Browser */

const EVENTS = 5_000;
/** A page whose calls take this long in all has shown what they cost; one peer's grow with what it has queued. */
const PATIENCE_MS = 15_000;
/** The page's clock is too coarse for one call: so many are timed together, with the page's own work between. */
const TOGETHER = 50;

/**
 * The median time of a track() call as the page sees it, and all of the main thread's time an event, with what is
 * done later: cleaning, keeping, sending; both in microseconds. `events` is how many there were.
 * @param {Browser} browser @param {string} url
 */
export async function tracking(browser, url) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    await session.send("Performance.enable", { timeDomain: "threadTicks" });
    await page.goto(`${url}?fine`);
    await page.waitForTimeout(2_000);
    const spent = async () => {
      const { metrics } = await session.send("Performance.getMetrics");
      return (metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0) * 1e6;
    };
    const before = await spent();
    const rounds = await page.evaluate(
      async ([count, together, patience]) => {
        const end = performance.now() + patience;
        const { shop } = /** @type {any} */ (globalThis);
        /** @type {number[]} */
        const rounds = [];
        for (let sent = 0; sent < count && performance.now() < end; sent += together) {
          const started = performance.now();
          for (let call = 0; call < together; call++) {
            const items = [{ item_id: `sku${sent + call}`, item_name: "Boot", price: 89, quantity: 1 }];
            shop.track("add_to_cart", { currency: "EUR", value: 89, items });
          }
          rounds.push((performance.now() - started) / together);
          await new Promise((resolve) => setTimeout(resolve, 10));
          await new Promise((resolve) => requestIdleCallback(resolve, { timeout: 500 }));
        }
        return rounds;
      },
      [EVENTS, TOGETHER, PATIENCE_MS],
    );
    await page.waitForTimeout(3_000);
    const events = rounds.length * TOGETHER;
    return { call: median(rounds) * 1_000, all: ((await spent()) - before) / events, events };
  } finally {
    await context.close();
  }
}

/**
 * The time of decide() in milliseconds: first after an event, when the facts are new, and again when nothing has changed.
 * @param {Browser} browser @param {string} url of a page with the large bundle
 */
export async function deciding(browser, url) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(`${url}?fine&large`);
    await page.waitForFunction(`shop.decide("slot-0").source === "local"`);
    return await page.evaluate(async () => {
      const { shop } = /** @type {any} */ (globalThis);
      const names = ["view_item", "add_to_cart", "scroll", "search", "purchase", "select_item"];
      /** @type {{ first: number[], again: number[], sources: string[], offers: string[] }} */
      const times = { first: [], again: [], sources: [], offers: [] };
      for (let round = 0; round < 400; round++) {
        const items = [
          { item_id: `sku${round}`, item_category: `category-${round % 12}`, price: 9 + round, quantity: 1 },
        ];
        shop.track(names[round % names.length], {
          currency: "EUR",
          value: 9 + round,
          items,
          transaction_id: `t${round}`,
        });
        // The event is taken in a task of its own; what is timed is the decision.
        await new Promise((resolve) => setTimeout(resolve, 5));
        for (const list of [times.first, times.again]) {
          const started = performance.now();
          const { source, offer } = shop.decide(`slot-${round % 3}`);
          list.push(performance.now() - started);
          times.sources.push(source);
          times.offers.push(offer);
        }
      }
      return { ...times, sources: [...new Set(times.sources)], offers: [...new Set(times.offers)] };
    });
  } finally {
    await context.close();
  }
}

/** @param {number[]} values */
export const median = (values) => share(values, 0.5);
/** @param {number[]} values @param {number} part */
export const share = (values, part) =>
  [...values].sort((one, other) => one - other)[Math.min(Math.floor(values.length * part), values.length - 1)] ?? 0;
