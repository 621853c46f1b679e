/** The dashboard in real Chromium: sign-in, live events, and figures that equal a recount by other means. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { browser, collector, root, until } from "./stage.mjs";

const DATA = process.env.BECKON_TEST_DATA ?? join(root, "..", "shared", "data");
const TAOBAO = join(DATA, "taobao_UserBehavior.csv.gz");

/** A sender's event of now. @param {string} name @param {number} number */
const event = (name, number) => ({
  id: `0193c0de-0000-7000-8000-${String(number).padStart(12, "0")}`,
  visitor: "0193c0de-0000-7000-8000-00000000000a",
  name,
  at: new Date().toISOString(),
  items: [{ item_id: "sku7", item_name: "<img src=x onerror=alert(1)>", price: 89 }],
});

test("the sign-in link opens the dashboard once, and events appear live", async (t) => {
  const beckon = await collector(t);
  const launched = await browser(t);
  const page = await launched.newPage();
  /** @type {string[]} */
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));

  await page.goto(beckon.link);
  await page
    .getByRole("heading", { name: /no data|waiting|snippet|first event/i })
    .or(page.locator("#figures"))
    .first()
    .waitFor();
  await beckon.call("POST", "/v1/events", { events: [event("view_item", 1), event("add_to_cart", 2)] });
  await page.getByText("<img src=x onerror=alert(1)>").first().waitFor();
  assert.deepEqual(problems, []);

  const stranger = await (await launched.newContext()).newPage();
  await stranger.goto(beckon.link);
  await stranger.locator("#secret-key").fill(beckon.secretKey);
  await stranger.keyboard.press("Enter");
  await stranger.locator("#figures").waitFor();
});

test("what the page of an empty site says to type in a terminal stores an event", async (t) => {
  const beckon = await collector(t);
  const page = await (await browser(t)).newPage();
  await page.goto(beckon.link);
  const typed = await page.locator("section.setup pre", { hasText: "curl" }).innerText();
  const run = promisify(execFile);
  if (!(await run("curl", ["--version"]).catch(() => null))) return t.skip("there is no curl");
  const { stdout } = await run("sh", ["-c", typed]);
  const { results } = JSON.parse(stdout);
  assert.deepEqual(
    results.map((/** @type {{ status: string }} */ result) => result.status),
    ["stored"],
  );
  // The event has arrived: the page shows figures instead.
  await page.locator("section.setup").waitFor({ state: "detached" });
});

test("an address that the collector does not know as its own is told from a wrong key", async (t) => {
  const beckon = await collector(t);
  const page = await (await browser(t)).newPage();
  // As behind a proxy that names another host than the one in the browser.
  await page.route("**/v1/session", async (route) => {
    const headers = { ...route.request().headers(), origin: "https://collect.shop.example" };
    await route.fulfill({ response: await route.fetch({ headers }) });
  });
  await page.goto(beckon.url);
  await page.locator("#secret-key").fill(beckon.secretKey);
  await page.keyboard.press("Enter");
  await page.locator("#key-error", { hasText: "--public-url" }).waitFor();
  await page.unroute("**/v1/session");
  await page.locator("#secret-key").fill("sk_ffffffffffffffffffff");
  await page.keyboard.press("Enter");
  await page.locator("#key-error", { hasText: "not accepted" }).waitFor();
});

test("after the import of the Taobao file the funnel equals a recount of the file", async (t) => {
  if (!existsSync(TAOBAO)) return t.skip(`${TAOBAO} is not there`);
  const beckon = await collector(t);
  await beckon.end("SIGTERM");
  const binary = process.env.BECKON_BIN ?? join(root, "target", "debug", "beckon");
  const { stdout } = await promisify(execFile)(binary, ["import", "--data", beckon.data, "--format", "taobao", TAOBAO]);
  assert.match(stdout, /84475 stored/);
  await beckon.start();

  const page = await (await browser(t)).newPage();
  await page.goto(beckon.link);
  await page.goto(`${beckon.url}/?from=2017-11-25&to=2017-12-03&tz=Asia/Shanghai`);
  const counts = await until("the funnel is drawn", async () => {
    const texts = await page.locator(".steps .count").allTextContents();
    return texts.length === 3 ? texts.map((text) => Number(text.replace(/\D/g, ""))) : null;
  });
  assert.deepEqual(counts, recount(gunzipSync(await readFile(TAOBAO)).toString()));
});

/** Visitors who looked, then put into the cart, then bought, within the nine days of the file. @param {string} text */
function recount(text) {
  const from = Date.parse("2017-11-25T00:00:00+08:00") / 1000;
  const to = Date.parse("2017-12-04T00:00:00+08:00") / 1000;
  /** @type {Map<string, Record<string, number[]>>} */
  const users = new Map();
  for (const line of text.split("\n")) {
    const [user, , , behaviour, seconds] = line.trim().split(",");
    if (seconds === undefined || !(Number(seconds) >= from && Number(seconds) < to)) continue;
    const times = users.get(user) ?? { pv: [], cart: [], buy: [], fav: [] };
    times[behaviour].push(Number(seconds));
    users.set(user, times);
  }
  const reached = [0, 0, 0];
  for (const times of users.values()) {
    let since = Number.NEGATIVE_INFINITY;
    for (const [step, behaviour] of ["pv", "cart", "buy"].entries()) {
      since = Math.min(...times[behaviour].filter((time) => time >= since));
      if (!Number.isFinite(since)) break;
      reached[step] += 1;
    }
  }
  return reached;
}
