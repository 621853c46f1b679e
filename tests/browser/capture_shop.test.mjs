/** What a page tells of items without a line for Beckon: dataLayer and gtag, attributes, JSON-LD, slots, and which goes first. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { opened } from "./capture_stage.mjs";
import { browser, until } from "./stage.mjs";

/** @type {import("playwright-core").Browser} */
let chrome;
before(async (t) => {
  chrome = await browser(/** @type {any} */ (t));
});

/** What a test looks at: all but ids, times and the page. @param {any} event */
const told = ({ id, at, session, page, ...event }) => event;

const GTAG = `window.dataLayer = window.dataLayer || []; function gtag() { dataLayer.push(arguments); }`;

test("events of dataLayer and gtag in GA4's shape are told as they are, also those from before", async (t) => {
  const page = await opened(t, chrome, {
    script: `${GTAG} gtag("js", new Date()); gtag("config", "G-X");
      gtag("event", "sign_up", { method: "mail", send_to: "G-X", event_callback() {}, user_data: { name: "SECRET" } });
      dataLayer.push({ ecommerce: null }, { event: "view_item", customer: "SECRET", ecommerce: {
        currency: "eur", value: "1.299,00 €", items: [{ item_id: 7, item_name: "Boot", price: "1.299,00 €", quantity: "2",
          discount: "x", own: { deep: 1 } }, { price: 3 }, null] } });`,
  });
  await page.evaluate(`{
    const later = window.dataLayer.push;
    window.dataLayer.push = function (...entries) { window.pushed = entries.length; return later.apply(this, entries); };
    gtag("event", "own_event", { plan: "gold", nested: { a: 1 } });
    gtag("event", "purchase", { transaction_id: "t1", value: 5, currency: "EUR", shipping: "4,90", items: [{ item_name: "Hat" }] });
    gtag("event", "page_view"); gtag("event", "scroll", { percent_scrolled: 90 }); gtag("event", "not a name");
    dataLayer.push({ event: "gtm.load" }, { event: "customer_known", name: "SECRET" }, { event: "search", search_term: "hats", customer: "SECRET" });
    dataLayer.push(null, 7, "text", {}, [], { event: 7 }, { event: "view_cart", get ecommerce() { throw new Error("no"); } });
  }`);
  await until("all arrived", async () => (await page.sent("purchase")).length === 1);
  assert.deepEqual(
    page
      .events()
      .filter(({ name }) => name !== "page_view")
      .map(told)
      .sort((a, b) => a.name.localeCompare(b.name)),
    [
      { name: "own_event", props: { plan: "gold", nested: { a: 1 } } },
      {
        name: "purchase",
        transaction_id: "t1",
        value: 5,
        currency: "EUR",
        items: [{ item_id: "Hat", item_name: "Hat" }],
        props: { shipping: 4.9 },
      },
      { name: "search", props: { search_term: "hats" } },
      { name: "sign_up", props: { method: "mail" } },
      {
        name: "view_item",
        currency: "EUR",
        value: 1299,
        items: [{ item_id: "7", item_name: "Boot", price: 1299, quantity: 2 }],
      },
    ],
  );
  assert.equal(await page.evaluate("window.pushed"), 7);
  assert.equal((await page.sent("page_view")).length, 1);
  assert.doesNotMatch(JSON.stringify(page.batches), /SECRET/);
});

test("what stands in the place of dataLayer and is none stays as it is", async (t) => {
  const page = await opened(t, chrome, { html: `<p id="dataLayer"></p><button id="buy">Buy</button>` });
  await page.click("#buy");
  assert.equal((await page.sent("click")).length, 1);
  assert.equal(await page.evaluate("dataLayer.push"), undefined);
});

/** What a price means: `[text, amount, currency]`. */
const PRICES = [
  ["€ 1.299,00", 1299, "EUR"],
  ["1,299.00 USD", 1299, "USD"],
  ["$1,299", 1299, "USD"],
  ["1.299 €", 1299, "EUR"],
  ["1.299.000 ₫", 1299000, "VND"],
  ["₹1,29,900.50", 129900.5, "INR"],
  ["1 299,90 zł", 1299.9, "PLN"],
  ["1\u202f299,90\u00a0€", 1299.9, "EUR"],
  ["CHF 1'299.–", 1299, "CHF"],
  ["CHF 1’299.50", 1299.5, "CHF"],
  ["R$ 12,50", 12.5, "BRL"],
  ["￥１２９９", 1299, "JPY"],
  ["1299元", 1299, "CNY"],
  ["12,5 €", 12.5, "EUR"],
  ["UVP 12 EUR inkl. MwSt", 12, "EUR"],
  ["0.125 BHD", 0.125, "BHD"],
  ["89.00", 89, undefined],
  ["0", 0, undefined],
  [89.9, 89.9, undefined],
  ["free", undefined, undefined],
  ["POA", undefined, undefined],
  ["-5 €", undefined, "EUR"],
  [-5, undefined, undefined],
  [null, undefined, undefined],
  [[], undefined, undefined],
  ["9999999999", undefined, undefined],
];
test("prices and currencies are read as people write them", async (t) => {
  const page = await opened(t, chrome, { script: GTAG });
  await page.evaluate((prices) => {
    const { dataLayer } = /** @type {any} */ (window);
    for (const [index, [price]] of prices.entries())
      dataLayer.push({ event: "view_item", ecommerce: { items: [{ item_id: `sku${index}`, price }] } });
  }, PRICES);
  await until("all arrived", async () => (await page.sent("view_item")).length === PRICES.length);
  const read = Object.fromEntries(
    (await page.sent("view_item")).map(({ items, currency }) => [items?.[0].item_id, [items?.[0].price, currency]]),
  );
  for (const [index, [text, ...meant]] of PRICES.entries()) assert.deepEqual(read[`sku${index}`], meant, `${text}`);
});

test("attributes name events and items", async (t) => {
  const page = await opened(t, chrome, {
    html: `<section data-beckon-event="view_item_list" data-beckon-event-item-list-id="home">
        <article data-beckon-item="sku7" data-beckon-item-name="Boot" data-beckon-item-price="€ 89,00" data-beckon-item-category="shoes">
          <a id="see" href="/p/7">Boot</a>
          <button id="add" data-beckon-event="add_to_cart" data-beckon-event-method="list">Add</button></article>
        <article data-beckon-item='{ "item_id": "sku8", "price": 5, "quantity": 2 }'>
          <a id="named" href="/p/8" data-beckon-event="own_event">Hat</a></article>
        <article data-beckon-item="{ broken"><a id="broken" href="/p/9" data-beckon-event="broken_event">?</a></article>
      </section>
      <form data-beckon-event="generate_lead" data-beckon-event-value="12,50 €"><button id="send">Send</button></form>`,
  });
  for (const id of ["see", "add", "named", "broken", "send"]) await page.click(`#${id}`);
  const boot = { item_id: "sku7", item_name: "Boot", item_category: "shoes", price: 89 };
  const names = ["select_item", "add_to_cart", "own_event", "broken_event", "generate_lead"];
  await until("all arrived", async () => (await page.sent("own_event")).length === 1);
  assert.deepEqual(
    page
      .events()
      .filter(({ name }) => names.includes(name))
      .map(told)
      .sort((a, b) => names.indexOf(a.name) - names.indexOf(b.name)),
    [
      { name: "select_item", currency: "EUR", items: [boot] },
      { name: "add_to_cart", currency: "EUR", items: [boot], props: { method: "list" } },
      { name: "own_event", items: [{ item_id: "sku8", price: 5, quantity: 2 }] },
      { name: "broken_event" },
      { name: "generate_lead", currency: "EUR", value: 12.5 },
    ],
  );
  // What has a name of its own is no click.
  assert.deepEqual(
    (await page.sent("click")).map(({ props }) => props.link_id ?? props.button_id),
    ["see", "send"],
  );
});

test("what is named as a view is told when it comes into view, also when it was put there later", async (t) => {
  const page = await opened(t, chrome, {
    html: `<div style="height: 3000px"></div>
      <section id="list" data-beckon-event="view_item_list" data-beckon-event-item-list-id="home">List
        <i data-beckon-item="sku7"></i><i data-beckon-item="sku8"></i></section>`,
  });
  assert.equal((await page.sent("view_item_list")).length, 0);
  await page.evaluate(() => document.getElementById("list")?.scrollIntoView());
  await until("the list is told of", async () => (await page.sent("view_item_list")).length === 1);
  assert.deepEqual(told((await page.sent("view_item_list"))[0]), {
    name: "view_item_list",
    items: [
      { item_id: "sku7", index: 0 },
      { item_id: "sku8", index: 1 },
    ],
    props: { item_list_id: "home" },
  });
  await page.evaluate(() => {
    document.body.insertAdjacentHTML(
      "afterbegin",
      `<p id="one" data-beckon-event="view_item" data-beckon-item="sku1">One</p>`,
    );
    scrollTo(0, 0);
  });
  await until("the item is told of", async () => (await page.sent("view_item")).length === 1);
  await page.evaluate(() => document.getElementById("one")?.setAttribute("data-beckon-item", "sku2"));
  await until("the other item is told of", async () => (await page.sent("view_item")).length === 2);
  assert.deepEqual(
    (await page.sent("view_item")).map(({ items }) => items),
    [[{ item_id: "sku1" }], [{ item_id: "sku2" }]],
  );
  assert.equal((await page.sent("view_item_list")).length, 1);
  await page.evaluate(() => {
    document.getElementById("list")?.insertAdjacentHTML("beforeend", `<i data-beckon-item="sku9"></i>`);
    document.getElementById("list")?.scrollIntoView();
  });
  await until("what is new in the list is told of", async () => (await page.sent("view_item_list")).length === 2);
  assert.deepEqual((await page.sent("view_item_list"))[1].items, [{ item_id: "sku9", index: 2 }]);
});

/** @param {unknown} value */
const ld = (value) => `<script type="application/ld+json">${JSON.stringify(value)}</script>`;
const PRODUCT = {
  "@context": "https://schema.org",
  "@type": "Product",
  sku: "sku7",
  name: "Boot",
  brand: { "@type": "Brand", name: "Tarn" },
  category: "Apparel > Shoes",
  offers: { "@type": "Offer", price: "1299.00", priceCurrency: "eur" },
};
const BOOT = {
  name: "view_item",
  currency: "EUR",
  items: [
    {
      item_id: "sku7",
      item_name: "Boot",
      item_brand: "Tarn",
      item_category: "Apparel",
      item_category2: "Shoes",
      price: 1299,
    },
  ],
};
const LISTS = {
  "a product": [ld(PRODUCT), BOOT],
  "a product in a graph": [ld({ "@graph": [{ "@type": "WebPage" }, PRODUCT] }), BOOT],
  "a product of a page": [ld([{ "@type": ["WebPage", "ItemPage"], mainEntity: PRODUCT }]), BOOT],
  "several offers": [
    ld({ ...PRODUCT, offers: { "@type": "AggregateOffer", lowPrice: 1299, highPrice: 2000, priceCurrency: "EUR" } }),
    BOOT,
  ],
  "a group of variants": [
    ld({ ...PRODUCT, "@type": "https://schema.org/ProductGroup", offers: undefined, hasVariant: [PRODUCT, PRODUCT] }),
    BOOT,
  ],
  "a price by specification": [
    ld({ ...PRODUCT, offers: [{ priceSpecification: { price: 1299, priceCurrency: "EUR" } }] }),
    BOOT,
  ],
  "a list of products": [ld([PRODUCT, { ...PRODUCT, sku: "sku8" }]), undefined],
  "a list of items": [ld({ "@type": "ItemList", itemListElement: [PRODUCT] }), undefined],
  "what is no JSON": [`<script type="application/ld+json">{ "@type": "Product", </script>`, undefined],
};
for (const [what, [html, event]] of Object.entries(LISTS)) {
  test(`JSON-LD: ${what} is ${event ? "an item that was viewed" : "no view of an item"}`, async (t) => {
    // The form is told of after the item would have been.
    const page = await opened(t, chrome, { html: String(html) });
    await page.hide(true);
    const views = await page.sent("view_item");
    assert.deepEqual(views.map(told), event ? [event] : []);
  });
}

test("of two sources that tell of the same the better one is heard, in any order, and doubles are one", async (t) => {
  const page = await opened(t, chrome, {
    script: GTAG,
    html: `${ld(PRODUCT)}<button id="add" data-beckon-item="sku7" data-beckon-event="add_to_cart">Add</button>`,
  });
  await page.evaluate(() => {
    const { beckon, gtag } = /** @type {any} */ (window);
    const add = (/** @type {string} */ id, /** @type {string} */ by) => ({ items: [{ item_id: id }], by });
    const click = () => document.getElementById("add")?.click();
    // The attributes, dataLayer, then track().
    click();
    gtag("event", "add_to_cart", add("sku7", "dataLayer"));
    beckon.track("add_to_cart", add("sku7", "track"));
    click();
    gtag("event", "add_to_cart", add("sku7", "dataLayer"));
    // dataLayer over attributes, twice at once.
    gtag("event", "remove_from_cart", add("sku8", "dataLayer"));
    gtag("event", "remove_from_cart", add("sku8", "dataLayer"));
    gtag("event", "remove_from_cart", add("sku9", "dataLayer"));
    beckon.track("refund", { transaction_id: "t1" });
    beckon.track("refund", { transaction_id: "t1" });
    // Nothing tells whether these are doubles.
    beckon.track("share");
    beckon.track("share");
    // JSON-LD has another number for the item.
    beckon.track("view_item", add("7", "track"));
  });
  await until("all arrived", async () => (await page.sent("remove_from_cart")).length === 2);
  await page.hide(true);
  await page.sent("share");
  const heard = page.events().map(({ name, items, props }) => [name, items?.[0].item_id, props?.by]);
  assert.deepEqual(
    heard.filter(([name]) => !["page_view", "click", "web_vitals", "user_engagement"].includes(name)).sort(),
    [
      ["add_to_cart", "sku7", "track"],
      ["refund", undefined, undefined],
      ["remove_from_cart", "sku8", "dataLayer"],
      ["remove_from_cart", "sku9", "dataLayer"],
      ["share", undefined, undefined],
      ["share", undefined, undefined],
      ["view_item", "7", "track"],
    ],
  );
});

test("an item of the page before says nothing of this one", async (t) => {
  const page = await opened(t, chrome, {
    script: `${GTAG} const now = Date.now; window.ahead = 0; Date.now = () => now() + ahead;`,
    html: ld(PRODUCT),
  });
  await page.evaluate(
    (sku8) => {
      const { beckon } = /** @type {any} */ (window);
      beckon.track("view_item", { items: [{ item_id: "7" }] });
      return new Promise((done) => setTimeout(done)).then(() => {
        Object.assign(window, { ahead: 1000 });
        history.pushState(null, "", "/p/8");
        const script = document.querySelector("script[type='application/ld+json']");
        if (script) script.outerHTML = sku8;
      });
    },
    ld({ ...PRODUCT, sku: "sku8" }),
  );
  await until("both are told of", async () => (await page.sent("view_item")).length === 2);
  assert.deepEqual(
    (await page.sent("view_item")).map(({ items, page: { url } }) => [items?.[0].item_id, url]),
    [
      ["7", `${page.url}/`],
      ["sku8", `${page.url}/p/8`],
    ],
  );
});

const OFFERS = {
  offers: [
    {
      id: "free-ship",
      slot: "hero",
      weights_version: 1,
      arms: [
        {
          id: "a",
          content: { title: "Free <b>shipping</b>", href: "/cart", evil: "javascript:alert(1)", image: "/x.png", n: 3 },
          weight: 10_000,
        },
      ],
    },
    { id: "hello", slot: "side", weights_version: 1, arms: [{ id: "b", content: "Hello", weight: 10_000 }] },
    { id: "own", slot: "own", weights_version: 1, arms: [{ id: "c", content: "Painted", weight: 10_000 }] },
  ],
  slots: ["hero", "side", "own"].map((id) => ({ id, kind: "offer", content: null })),
};
test("a slot shows what was decided, and tells when it was seen and chosen", async (t) => {
  const page = await opened(t, chrome, {
    bundle: OFFERS,
    script: `addEventListener("beckon:decision", (event) => {
      if (event.detail.slot !== "own") return;
      event.preventDefault();
      event.target.querySelector("b").textContent = event.detail.content + " by the page";
    });`,
    html: `<div data-beckon-slot="hero" style="height: 120px"><h2 data-beckon-field="title">Own title</h2>
        <a id="go" href="/" data-beckon-field="href=href title=title">Go</a>
        <a id="evil" href="/own" data-beckon-field="href=evil onclick=title style=title">Evil</a>
        <img data-beckon-field="src=image"><i data-beckon-field="n">0</i><i data-beckon-field="constructor">own</i>
        <script data-beckon-field="src=image">window.own = true</script></div>
      <p data-beckon-slot="own"><b>Own</b></p><p data-beckon-slot="nothing">Own</p>
      <p data-beckon-ignore><span data-beckon-slot="side">Own</span></p>
      <div style="height: 3000px"></div><p id="side" data-beckon-slot="side">Own</p>`,
  });
  await page.waitForFunction(`document.querySelector("h2").textContent !== "Own title"`);
  const shown = await page.evaluate(() =>
    [...document.querySelectorAll("h2,#go,#evil,img,i,div > script,b,#side,[data-beckon-slot=nothing],span")].map(
      ({ textContent, attributes }) => [
        textContent,
        ...[...attributes].filter(({ name }) => /^(href|src|title|on|style)/.test(name)).map(({ value }) => value),
      ],
    ),
  );
  assert.deepEqual(shown, [
    ["Free <b>shipping</b>"],
    ["Go", "/cart", "Free <b>shipping</b>"],
    ["Evil", "/own"],
    ["", "/x.png"],
    ["3"],
    ["own"],
    ["window.own = true"],
    ["Painted by the page"],
    ["Own"],
    ["Own"],
    ["Hello"],
  ]);
  await until("two were seen", async () => (await page.sent("view_promotion")).length === 2);
  await page.click("#go");
  await page.click("#go");
  const [hero, own] = ["hero", "own"].map((slot) =>
    page.events().find(({ name, props }) => name === "view_promotion" && props.creative_slot === slot),
  );
  const exposure = { promotion_id: "free-ship", creative_slot: "hero", creative_name: "a", propensity: 1 };
  assert.deepEqual(hero?.props, exposure);
  assert.equal(own?.props.promotion_id, "own");
  await until("it was chosen", async () => (await page.sent("select_promotion")).length === 1);
  assert.deepEqual((await page.sent("select_promotion"))[0].props, exposure);
  await page.evaluate(() => document.getElementById("side")?.scrollIntoView());
  await until("the third was seen", async () => (await page.sent("view_promotion")).length === 3);
  // What a visitor reads stays; the next page view asks anew.
  await page.evaluate(() => {
    for (const heading of document.querySelectorAll("h2")) heading.textContent = "By the page";
    document.body.append(document.createElement("p"));
  });
  await page.evaluate("history.pushState(null, '', '/next'); scrollTo(0, 0)");
  await page.waitForFunction(`document.querySelector("h2").textContent !== "By the page"`);
  const views = async () => (await page.sent("view_promotion")).filter(({ page: { url } }) => url.endsWith("/next"));
  await until("they were seen again", async () => (await views()).length === 2);
});

test("an entry of dataLayer that cannot be read costs none of the others", async (t) => {
  const page = await opened(t, chrome, {
    script: `const broken = () => ({ event: "add_to_cart", get ecommerce() { throw new Error("the page's own"); } });
      const whole = (id) => ({ event: "add_to_cart", ecommerce: { items: [{ item_id: id }] } });
      window.dataLayer = [broken(), whole("sku1")];
      window.later = () => window.dataLayer.push(broken(), whole("sku2"));`,
  });
  assert.equal(await page.evaluate("window.later()"), 4);
  await until("both are told", async () => (await page.sent("add_to_cart")).length === 2);
  const added = await page.sent("add_to_cart");
  assert.deepEqual(
    added.map(({ items }) => items?.map(({ item_id }) => item_id)),
    [["sku1"], ["sku2"]],
  );
});
