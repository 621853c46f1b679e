/** Takes the pictures of the README: `node tests/browser/pictures.mjs`, after `npm run build`. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { start } from "../../web-demo/serve.mjs";
import { browser, collector, root, until } from "./stage.mjs";

/** @type {(() => unknown)[]} */
const endings = [];
const stage = /** @type {any} */ ({ after: (/** @type {() => unknown} */ ending) => endings.unshift(ending) });

try {
  await mkdir(join(root, "docs"), { recursive: true });
  const beckon = await collector(stage);
  const { url: endpoint, publicKey, secretKey } = beckon;
  const shop = await start({ endpoint, publicKey, secretKey, live: true });
  endings.unshift(() => shop.stop());
  await beckon.call("PUT", "/v1/site", { holdout: 0 });
  const launched = await browser(stage);

  const page = await launched.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(shop.url);
  await page.locator('#hero[data-offer="welcome"]').waitFor();
  for (const index of [0, 2, 1]) {
    await page.locator('.shelves a[href="/c/shoes"]').click();
    await page.locator('#main a[href^="/p/"]').nth(index).click();
    await page.locator("#buy [data-add]").waitFor();
  }
  await page.locator("#buy [data-add]").click();
  await page.locator("a.brand").click();
  await page.locator('#hero[data-offer="free-ship"]').waitFor();
  // The exposure is counted once the hero was seen for a moment; the picture shows it captured.
  await page.getByText("view_promotion").first().waitFor();
  await page.waitForFunction(() => document.querySelectorAll("#hero .hero-layer").length === 1);
  await page.screenshot({ path: join(root, "docs", "shop.png") });

  const before = (await beckon.call("GET", "/v1/site")).events;
  await until("some shoppers act", async () => (await beckon.call("GET", "/v1/site")).events > before + 10);
  const board = await launched.newPage({ viewport: { width: 1440, height: 1500 } });
  await board.goto(beckon.link);
  await board.locator(".steps .count").first().waitFor();
  await board.waitForLoadState("load");
  await board.screenshot({ path: join(root, "docs", "dashboard.png") });
  console.log("docs/shop.png and docs/dashboard.png are there");
} finally {
  for (const end of endings) await end();
}
