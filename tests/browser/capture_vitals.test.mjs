/** The five web vitals, beside what Google's own package says of the same page. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { opened } from "./capture_stage.mjs";
import { browser, until } from "./stage.mjs";

/** @type {import("playwright-core").Browser} */
let chrome;
before(async (t) => {
  chrome = await browser(/** @type {any} */ (t));
});

/** A page that paints late, shifts, and answers slowly. */
const HTML = `<h1>Title</h1><div id="late"></div><button id="slow">Slow</button><input id="field">`;
const ORACLE = `import("/web-vitals.js").then(({ onCLS, onFCP, onINP, onLCP, onTTFB }) => {
    window.vitals = {};
    for (const on of [onCLS, onFCP, onINP, onLCP, onTTFB]) on(({ name, value }) => {
      vitals[name] = value;
      sessionStorage[location.pathname] = JSON.stringify(vitals);
    });
  });
  addEventListener("DOMContentLoaded", () => {
    const busy = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };
    document.getElementById("slow").addEventListener("click", () => { busy(120); });
    document.getElementById("field").addEventListener("keydown", () => { busy(60); });
  });`;

/**
 * Both, once the page was hidden or left; a millisecond and a ten-thousandth are lost by rounding.
 * @param {Awaited<ReturnType<typeof opened>>} page @param {string[]} names @param {boolean} [leaves]
 * @param {number} [within] milliseconds that the two may be apart
 */
async function compare(page, names, leaves, within = 1) {
  const before = (await page.sent("web_vitals")).length;
  await page.evaluate("new Promise((done) => requestIdleCallback(done))");
  if (leaves) await page.goto(`${page.url}/next`);
  else await page.hide(true);
  const told = await until("they are told", () => page.events().filter(({ name }) => name === "web_vitals")[before]);
  const { load_id, ...ours } = told.props;
  assert.match(load_id, /^\w+$/);
  const theirs = JSON.parse(/** @type {string} */ (await page.evaluate(`sessionStorage["/"]`)));
  assert.deepEqual(Object.keys(ours).sort(), [...names].sort());
  for (const name of names) {
    const apart = Math.abs(ours[name] - theirs[name]);
    assert(apart <= (name === "CLS" ? 0.0001 : within), `${name}: ${ours[name]}, and ${theirs[name]} by web-vitals`);
  }
  return { load_id, ...ours };
}

/** Two blocks that push what is below them, apart by more than a window of shifts. @param {any} page */
async function shift(page) {
  await page.evaluate(async () => {
    const frames = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const push = async (/** @type {number} */ height) => {
      const block = document.createElement("div");
      block.style.height = `${height}px`;
      block.textContent = "Late";
      document.getElementById("late")?.append(block);
      await frames();
    };
    await push(60);
    await push(90);
  });
}

test("the five are those of web-vitals", async (t) => {
  const page = await opened(t, chrome, { html: HTML, script: ORACLE });
  await shift(page);
  await page.click("#slow");
  await page.click("#field");
  await page.keyboard.type("abc");
  await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
  const first = await compare(page, ["CLS", "FCP", "INP", "LCP", "TTFB"]);
  assert(first.CLS > 0);
  assert(first.INP >= 120);
  // Back in the tab it gets worse; only that is told again, as of the same page.
  await page.hide(false);
  await page.evaluate(() => {
    document.getElementById("slow")?.addEventListener("click", () => {
      const end = performance.now() + 200;
      while (performance.now() < end);
    });
  });
  await page.click("#slow");
  await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
  const second = await compare(page, ["INP"]);
  assert.equal(second.load_id, first.load_id);
  assert(second.INP > first.INP);
});

test("a page that nobody touched has no INP, and one that was hidden all along has no paint", async (t) => {
  const page = await opened(t, chrome, { html: HTML, script: ORACLE });
  const { CLS } = await compare(page, ["CLS", "FCP", "LCP", "TTFB"], true);
  assert.equal(CLS, 0);
  const hidden = await opened(t, chrome, {
    html: HTML,
    before: `Object.defineProperty(document, "visibilityState", { configurable: true, value: "hidden" });
      const entries = performance.getEntriesByType.bind(performance);
      performance.getEntriesByType = (type) => type === "visibility-state" ? [{ name: "hidden", startTime: 0 }] : entries(type);`,
    script: ORACLE,
  });
  await compare(hidden, ["TTFB"]);
});

test("a page that comes back from the back/forward cache is measured anew", async (t) => {
  const page = await opened(t, chrome, { html: HTML, script: ORACLE });
  await page.hide(true);
  const [first] = await page.sent("web_vitals");
  await page.evaluate(async () => {
    Object.defineProperty(document, "visibilityState", { configurable: true, value: "visible" });
    dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done))));
  });
  // Of a page that comes back, each of the two reads the clock itself, in its own turn of a frame.
  const again = await compare(page, ["CLS", "FCP", "LCP", "TTFB"], false, 100);
  assert.equal(again.TTFB, 0);
  assert.notEqual(again.load_id, first.props.load_id);
});
