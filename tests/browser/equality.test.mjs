/** Page (Wasm, in real Chromium) and collector (native, over HTTP) reach the same facts, segments, decisions, reasons. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dice } from "../../web-demo/traffic.mjs";
import { browser, canonical, collector, packageServer } from "./stage.mjs";

const HISTORIES = 1_000;
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const SLOTS = ["hero", "side", "empty"];

/** Conditions over every kind of fact. @type {Record<string, object>} */
const SEGMENTS = {
  returning: { visits: { $gte: 2 } },
  "cart-abandoner": { "cart.items": { $gte: 1 }, "n_1d.purchase": 0 },
  "big-cart": { "cart.value": { $gt: 99.5 } },
  spender: { "sum.purchase": { $gte: 200 }, "sum_30d.purchase": { $lt: 5_000 } },
  "shoe-fan": { $or: [{ top_category: "shoes" }, { "n_7d.view_item.category:shoes": { $gte: 2 } }] },
  recent: { "last.view_item.age_s": { $lt: 86_400 } },
  lapsed: { "last_seen.age_s": { $gte: 604_800 }, "n_30d.page_view": { $gte: 1 } },
  mail: { "session.utm_source": { $in: ["mail", "Mäil"] } },
  gold: { "trait.plan": { $ini: ["GOLD"] } },
  browsing: { "session.pages": { $gte: 1 }, "session.n.view_item": { $gte: 1 }, "session.landing.path": { $ne: "/" } },
  quiet: { $nor: [{ "n_7d.page_view": { $gt: 0 } }, { "n.purchase": { $gte: 1 } }] },
  odd: { $not: { "n.click": { $in: [0, 2, 4, 6, 8] } } },
};

const OFFERS = {
  welcome: { slot: "hero", content: { title: "Hello" } },
  "welcome-back": {
    slot: "hero",
    priority: 10,
    segments: ["returning"],
    arms: [{ id: "a" }, { id: "b" }, { id: "c" }],
  },
  "free-ship": { slot: "hero", priority: 20, segments: ["cart-abandoner"], caps: { visitor: 3, session: 1 } },
  "boots-sale": { slot: "hero", priority: 30, segments: ["shoe-fan"], items: ["sku1", "sku2"], content: 1.5 },
  "mail-deal": {
    slot: "side",
    segments: ["mail", "gold"],
    arms: [
      { id: "x", weight: 9_500, content: "x" },
      { id: "y", weight: 500, content: "y" },
    ],
  },
  old: { slot: "side", priority: 99, ends: "2020-01-01T00:00:00Z" },
  "sold-out": { slot: "side", priority: 98, items: ["gone"] },
};

const NAMES =
  "page_view view_item view_item add_to_cart add_to_cart remove_from_cart view_cart begin_checkout purchase click search view_promotion view_promotion identify own_event".split(
    " ",
  );
const URLS = [
  "https://shop.example/",
  "https://shop.example/p/7?utm_source=mail&utm_campaign=fall",
  "https://shop.example/sale?utm_source=M%C3%A4il",
  "https://shop.example/?gclid=abc",
  "https://jo:pw@shop.example/u/jo@mail.example?token=abc",
];

/** @param {() => number} next */
function uuid(next) {
  const hex = Array.from({ length: 32 }, () => Math.floor(next() * 16).toString(16)).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/** A visitor's events over the last 40 days, in any order. @param {() => number} next @param {number} now */
function history(next, now) {
  const pick = (/** @type {any[]} */ list) => list[Math.floor(next() * list.length)];
  const visitor = uuid(next);
  const count = 1 + Math.floor(next() * next() * 60);
  const spread = pick([HOUR, DAY, 7 * DAY, 40 * DAY]);
  const events = Array.from({ length: count }, () => {
    const name = pick(NAMES);
    /** @type {Record<string, any>} */
    const event = { id: uuid(next), name, visitor, at: new Date(now - 1_000 - next() * spread).toISOString() };
    if (next() < 0.8) event.page = { url: pick(URLS), title: "Call 13800138000" };
    if (/item|cart|checkout|purchase/.test(name)) {
      event.items = Array.from({ length: 1 + Math.floor(next() * 3) }, () => ({
        item_id: `sku${Math.floor(next() * 9)}`,
        item_category: pick(["shoes", "bags", "home", "Schönes"]),
        price: pick([19.99, 0.1, 89, "12.50", undefined]),
        quantity: pick([1, 2, 0.3, undefined]),
      }));
      if (next() < 0.5) event.value = Math.round(next() * 30_000) / 100;
    }
    if (name === "purchase") event.transaction_id = event.id;
    if (name === "view_promotion") {
      event.props = {
        promotion_id: pick(Object.keys(OFFERS)),
        creative_name: pick(["a", "b", "c", "x", "y", "holdout"]),
      };
    }
    if (name === "identify")
      event.props = { plan: pick(["gold", "Gold", "free"]), age: Math.floor(next() * 90), mail: "jo@mail.example" };
    return event;
  });
  return { visitor, events };
}

test("1,000 histories lead page and collector to the same facts, segments, decisions and reasons", async (t) => {
  const beckon = await collector(t);
  await beckon.call("PUT", "/v1/site", { holdout: 0.2 });
  await beckon.call("PUT", "/v1/items", [
    { item_id: "gone", stock: 0 },
    { item_id: "sku1", stock: 3 },
  ]);
  for (const slot of SLOTS) await beckon.call("PUT", `/v1/slots/${slot}`, { kind: "offer", content: { own: slot } });
  for (const [id, condition] of Object.entries(SEGMENTS)) {
    await beckon.call("PUT", `/v1/segments/${id}`, { name: id, condition });
  }
  for (const [id, offer] of Object.entries(OFFERS)) await beckon.call("PUT", `/v1/offers/${id}`, offer);

  const next = dice(20_261_122);
  const now = Date.now();
  const histories = Array.from({ length: HISTORIES }, () => history(next, now));
  const events = histories.flatMap((history) => history.events).sort(() => next() - 0.5);
  for (let from = 0; from < events.length; from += 400) {
    const { results } = await beckon.call("POST", "/v1/events", { events: events.slice(from, from + 400) });
    for (const result of results) assert.equal(result.status, "stored", JSON.stringify(result));
  }

  const bundle = await (await fetch(`${beckon.url}/v1/bundle?key=${beckon.publicKey}`)).json();
  const inputs = [];
  /** @type {object[]} */
  const expected = [];
  for (const { visitor, events } of histories) {
    const slots = SLOTS.map((id) => ({ id, kind: "offer" }));
    const { facts, segments, slots: decisions, at } = await beckon.call("POST", "/v1/decide", { visitor, slots });
    // In the page's order, which is that of the fold.
    events.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : a.id < b.id ? -1 : 1));
    inputs.push({ bundle, visitor, events, now: at, facts: { "user.known": facts["user.known"] }, slots: SLOTS });
    expected.push({ facts, segments, slots: decisions });
  }

  const page = await (await browser(t)).newPage();
  await page.goto(await packageServer(t));
  const answers = await page.evaluate(async (inputs) => {
    const engine = await import(/** @type {any} */ ("/js/engine.js"));
    await engine.load("/engine.wasm");
    return inputs.map(({ bundle, visitor, events, now, facts, slots }) => {
      engine.start(visitor);
      engine.learn(bundle);
      engine.told({ facts });
      engine.take(events);
      const { facts: all, segments } = engine.standing(Date.parse(now));
      const decide = (/** @type {string} */ slot) => {
        const { reason: _, ...decision } = engine.decide(slot, Date.parse(now), true);
        return decision;
      };
      return { facts: all, segments, slots: Object.fromEntries(slots.map((slot) => [slot, decide(slot)])) };
    });
  }, inputs);

  const seen = { segments: new Set(), arms: new Set(), codes: new Set() };
  answers.forEach(({ facts, segments, slots }, index) => {
    assert.equal(canonical({ facts, segments, slots }), canonical(expected[index]), `history ${index}`);
    for (const segment of segments) seen.segments.add(segment);
    for (const slot of /** @type {any[]} */ (Object.values(slots))) {
      seen.arms.add(slot.arm);
      for (const tried of slot.debug ?? []) seen.codes.add(tried.code);
    }
  });
  // The histories are worth nothing where they leave a rule untried.
  assert.deepEqual([...seen.segments].sort(), Object.keys(SEGMENTS).sort());
  assert.deepEqual([...seen.arms].sort(), ["a", "b", "c", "holdout", "x", "y", null].sort());
  const codes = "already_bought capped_session capped_visitor chosen ended lower_priority not_in_segment sold_out";
  assert.deepEqual([...seen.codes].sort(), codes.split(" "));
});
