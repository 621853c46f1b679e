/**
 * Sample shoppers. They walk through the catalogue the way people do: each visit follows one interest, so that items
 * seen in the same visits really belong together, some fill a cart, fewer pay. The same seed gives the same visits.
 */
import { category, inCategory, PRODUCTS, product } from "./src/catalogue.js";

/**
 * @typedef {import("./src/catalogue.js").Product} Product
 * @typedef {() => number} Random
 * @typedef {{ id: string, name: string, at: string, visitor: string, session: string, page: { url: string, referrer?: string },
 *   items?: object[], currency?: string, value?: number, transaction_id?: string, props?: object }} SampleEvent
 * @typedef {{ visitor: string, session: string, events: SampleEvent[] }} Visit
 */

const SHOP = "https://tarn-and-tinder.example";
const HOUR = 3_600_000;

/** What people come for, and how often of 100. A product may belong to several interests. */
const INTERESTS = [
  { weight: 20, items: ["tarn-boot", "ridge-pack", "long-flask", "watch-cap", "fell-runner"] },
  { weight: 12, items: ["moss-chelsea", "tarn-boot", "weekender", "harbour-clog", "market-tote"] },
  { weight: 11, items: ["fell-runner", "hip-pack", "creek-sandal", "long-flask", "rain-rolltop"] },
  { weight: 17, items: ["iron-skillet", "stew-pot", "billy-kettle", "enamel-mug", "match-tin"] },
  { weight: 13, items: ["hand-mill", "billy-kettle", "enamel-mug", "long-flask"] },
  { weight: 16, items: ["dusk-lantern", "beeswax-candle", "firefly-string", "wool-blanket", "felt-slipper"] },
  { weight: 6, items: ["market-tote", "two-pouches", "hip-pack", "weekender"] },
  { weight: 5, items: ["watch-cap", "wool-blanket", "felt-slipper", "match-tin"] },
];

/** Where they come from, of 100. @type {{ weight: number, referrer?: string, query?: string }[]} */
const ORIGINS = [
  { weight: 46 },
  { weight: 24, referrer: "https://www.google.com/" },
  { weight: 12, query: "?utm_source=newsletter&utm_medium=email&utm_campaign=autumn" },
  { weight: 10, referrer: "https://duckduckgo.com/" },
  {
    weight: 8,
    query: "?utm_source=mapmakers&utm_medium=referral&utm_campaign=hut-guide",
    referrer: "https://mapmakers.example/",
  },
];

/** How busy each hour of the day is (UTC), 1 at the evening's peak. */
const BUSY = [
  0.16, 0.1, 0.07, 0.06, 0.07, 0.13, 0.26, 0.42, 0.54, 0.6, 0.62, 0.66, 0.72, 0.66, 0.6, 0.6, 0.66, 0.76, 0.9, 1, 0.98,
  0.8, 0.52, 0.3,
];

/**
 * A small generator of numbers in [0, 1): mulberry32. Good enough for shoppers, and the same on every machine.
 * @param {number} seed
 * @returns {Random}
 */
export function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * A UUIDv7 of that moment, its random part taken from `random`.
 * @param {number} milliseconds
 * @param {Random} random
 */
export function uuidv7(milliseconds, random) {
  const hex = (/** @type {number} */ digits) =>
    Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join("");
  const time = Math.floor(milliseconds).toString(16).padStart(12, "0");
  const variant = (8 + Math.floor(random() * 4)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-${variant}${hex(3)}-${hex(12)}`;
}

/**
 * Visits in the order of their beginning: `{visitor, session, events}`, with events as POST /v1/events takes them from
 * a secret key (each carries its own visitor and session). `from` and `to` are milliseconds or anything Date takes.
 * @param {{ seed: number, count: number, from: number | string | Date, to: number | string | Date }} options
 * @returns {Generator<Visit, void, void>}
 */
export function* visits({ seed, count, from, to }) {
  const random = dice(seed);
  const begin = new Date(from).getTime();
  const end = new Date(to).getTime();
  const starts = Array.from({ length: count }, () => busyMoment(random, begin, end)).sort((a, b) => a - b);
  /** @type {string[]} */
  const known = [];
  for (const start of starts) {
    const comesAgain = known.length > 12 && random() < 0.28;
    const visitor = comesAgain ? known[Math.floor(random() * known.length)] : uuidv7(start, random);
    if (!comesAgain) known.push(visitor);
    yield visit(random, visitor, start, end);
  }
}

/**
 * A moment between `begin` and `end`, more likely in a busy hour.
 * @param {Random} random
 * @param {number} begin
 * @param {number} end
 */
function busyMoment(random, begin, end) {
  const span = Math.max(1, end - begin);
  for (let attempt = 0; attempt < 40; attempt += 1) {
    const moment = begin + random() * span;
    if (random() < BUSY[Math.floor(moment / HOUR) % 24]) return moment;
  }
  return begin + random() * span;
}

/**
 * @param {Random} random
 * @param {string} visitor
 * @param {number} start
 * @param {number} end
 * @returns {Visit}
 */
function visit(random, visitor, start, end) {
  const session = uuidv7(start, random);
  const chance = (/** @type {number} */ share) => random() < share;
  const interest = weighted(random, INTERESTS);
  const origin = weighted(random, ORIGINS);
  /** @type {SampleEvent[]} */
  const events = [];
  /** @type {Map<string, number>} */
  const cart = new Map();
  let now = start;
  let url = "";
  let referrer = origin.referrer ?? "";

  /** @type {(name: string, fields?: Partial<SampleEvent>) => void} */
  const record = (name, fields = {}) => {
    // Whoever is still in the shop at the end of the time asked for does the rest afterwards.
    if (now >= end) return;
    events.push({
      id: uuidv7(now, random),
      name,
      at: new Date(now).toISOString(),
      visitor,
      session,
      page: referrer ? { url: `${SHOP}${url}`, referrer } : { url: `${SHOP}${url}` },
      ...fields,
    });
    // Nobody acts twice in the same millisecond, and events of a visit must keep their order.
    now += 400 + random() * 500;
  };
  const pause = (/** @type {number} */ seconds) => {
    now += seconds * 1000 * (0.4 + random() * 1.2);
  };
  const open = (/** @type {string} */ path) => {
    if (url) referrer = `${SHOP}${url.split("?")[0]}`;
    url = events.length === 0 ? `${path}${origin.query ?? ""}` : path;
    record("page_view");
  };
  const cartItems = () => [...cart].map(([id, quantity]) => item(sold(id), { quantity }));
  const cartValue = () => [...cart].reduce((sum, [id, quantity]) => sum + sold(id).price * quantity, 0);

  const wishes = shuffled(random, interest.items).slice(0, 1 + Math.floor(random() ** 1.4 * interest.items.length));
  if (chance(0.14)) wishes.push(PRODUCTS[Math.floor(random() * PRODUCTS.length)].id);
  if (chance(0.62)) {
    open("/");
    pause(9);
  }
  let shelf = "";
  for (const id of wishes) {
    const seen = sold(id);
    if (chance(0.55) && shelf !== seen.category) {
      shelf = seen.category;
      open(`/c/${shelf}`);
      record("view_item_list", list(shelf));
      pause(11);
      record("select_item", { props: { item_list_id: shelf }, items: [item(seen)] });
    }
    open(`/p/${id}`);
    record("view_item", { items: [item(seen)], currency: "EUR", value: seen.price });
    pause(26);
    if (chance(seen.price < 60 ? 0.34 : 0.22)) {
      const quantity = seen.price < 40 && chance(0.3) ? 2 : 1;
      cart.set(id, quantity + (cart.get(id) ?? 0));
      record("add_to_cart", { items: [item(seen, { quantity })], currency: "EUR", value: seen.price * quantity });
      pause(6);
    }
  }
  if (cart.size > 0 && chance(0.74)) {
    open("/cart");
    record("view_cart", { items: cartItems(), currency: "EUR", value: cartValue() });
    pause(12);
    if (cart.size > 1 && chance(0.16)) {
      const [id, quantity] = [...cart][0];
      cart.delete(id);
      const removed = sold(id);
      record("remove_from_cart", {
        items: [item(removed, { quantity })],
        currency: "EUR",
        value: removed.price * quantity,
      });
      pause(5);
    }
    if (chance(0.66)) {
      open("/checkout");
      record("begin_checkout", { items: cartItems(), currency: "EUR", value: cartValue() });
      pause(48);
      if (chance(0.68)) {
        record("purchase", {
          transaction_id: orderNumber(random),
          items: cartItems(),
          currency: "EUR",
          value: cartValue(),
        });
      }
    }
  }
  return { visitor, session, events };
}

/** The interests name products of this catalogue only; a name that is not one is a mistake in this file. @param {string} id */
function sold(id) {
  const found = product(id);
  if (!found) throw new Error(`the catalogue has no product "${id}"`);
  return found;
}

/**
 * An item as GA4 names its fields.
 * @param {Product} product
 * @param {object} more
 */
function item(product, more = {}) {
  return {
    item_id: product.id,
    item_name: product.name,
    item_category: product.category,
    price: product.price,
    ...more,
  };
}

/** @param {string} shelf */
function list(shelf) {
  const items = inCategory(shelf).map((product, index) => item(product, { index }));
  return { props: { item_list_id: shelf, item_list_name: category(shelf)?.name }, items };
}

/** Letters only: a long row of digits would be masked as a telephone or card number. @param {Random} random */
function orderNumber(random) {
  const letters = "bcdfghjkmnpqrstvwxz";
  return `tt-${Array.from({ length: 12 }, () => letters[Math.floor(random() * letters.length)]).join("")}`;
}

/**
 * @template {{ weight: number }} Choice
 * @param {Random} random
 * @param {Choice[]} choices
 */
function weighted(random, choices) {
  let rest = random() * choices.reduce((sum, choice) => sum + choice.weight, 0);
  for (const choice of choices) {
    rest -= choice.weight;
    if (rest < 0) return choice;
  }
  return choices[choices.length - 1];
}

/**
 * @template Thing
 * @param {Random} random
 * @param {Thing[]} list
 */
function shuffled(random, list) {
  const copy = [...list];
  for (let last = copy.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [copy[last], copy[other]] = [copy[other], copy[last]];
  }
  return copy;
}

/** The catalogue as PUT /v1/items takes it; the addresses are relative to the shop. */
export function catalogue() {
  return PRODUCTS.map((product) => ({
    ...item(product),
    stock: product.stock,
    url: `/p/${product.id}`,
    image: `/pictures/${product.id}.svg`,
  }));
}
