/** What a page tells of its visitors without a line of code: clicks, downloads, depth, time, forms, errors, searches. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { opened } from "./capture_stage.mjs";
import { browser, until } from "./stage.mjs";

/** @type {import("playwright-core").Browser} */
let chrome;
before(async (t) => {
  chrome = await browser(/** @type {any} */ (t));
});

test("a click on a link or a button is told in GA4's words", async (t) => {
  const page = await opened(t, chrome, {
    html: `<a id="own" class="big  red" href="/p/7?q=1"> Boots <b>and</b>
      more </a>
      <a id="out" href="https://other.example/x" target="_blank">Other</a>
      <a id="mail" href="mailto:jo@mail.example">Mail</a>
      <button id="buy" aria-label="Buy now">+</button>
      <input id="go" type="submit" value="Go">
      <summary id="more">More</summary>
      <span id="role" role="button">Role</span>
      <p id="text">No button</p>
      <div id="host"></div>
      <script>document.getElementById("host").attachShadow({ mode: "open" }).innerHTML = "<button id=deep>Deep</button>"</script>`,
  });
  for (const id of ["own", "out", "mail", "buy", "go", "more", "role", "text", "deep"]) await page.click(`#${id}`);
  await page.click("#own", { button: "middle" });
  await page.click("#own", { button: "right" });
  await page.click("#buy", { button: "middle" });
  const own = { link_text: "Boots and more", link_id: "own", link_classes: "big red", outbound: false };
  assert.deepEqual(
    (await page.sent("click")).map(({ props }) => props),
    [
      { ...own, link_url: `${page.url}/p/7?q=1` },
      { link_url: "https://other.example/x", link_text: "Other", link_id: "out", outbound: true },
      { link_url: "mailto:[email]", link_text: "Mail", link_id: "mail", outbound: false },
      { button_text: "Buy now", button_id: "buy" },
      { button_text: "Go", button_id: "go" },
      { button_text: "More", button_id: "more" },
      { button_text: "Role", button_id: "role" },
      { button_text: "Deep", button_id: "deep" },
      { ...own, link_url: `${page.url}/p/7?q=1` },
    ],
  );
});

test("links to files are downloads", async (t) => {
  const page = await opened(t, chrome, {
    html: `<a id="pdf" href="/files/Prices.PDF?v=2">Prices</a> <a id="named" href="/export" download="mine">Export</a>
      <a id="page" href="/p/7.html">Page</a>`,
  });
  for (const id of ["pdf", "named", "page"]) await page.click(`#${id}`);
  assert.deepEqual(
    (await page.sent("file_download")).map(({ props }) => props),
    [
      {
        link_url: `${page.url}/files/Prices.PDF?v=2`,
        link_text: "Prices",
        link_id: "pdf",
        file_name: "/files/Prices.PDF",
        file_extension: "pdf",
      },
      { link_url: `${page.url}/export`, link_text: "Export", link_id: "named", file_name: "mine" },
    ],
  );
  assert.equal((await page.sent("click")).length, 3);
});

test("each mark of the depth is told once a page view", async (t) => {
  const page = await opened(t, chrome, { html: `<div style="height: 10000px">Long</div>` });
  /** @param {number} share */
  const scrolled = (share) =>
    page.evaluate((share) => scrollTo(0, document.documentElement.scrollHeight * share - innerHeight), share);
  const depths = async () => (await page.sent("scroll")).map(({ props, page }) => [props.percent_scrolled, page.url]);
  for (const [share, count] of /** @type {const} */ ([
    [0.3, 1],
    [0.2, 1],
    [0.8, 2],
    [1, 3],
  ])) {
    await scrolled(share);
    await until(`${count} marks`, async () => (await depths()).length === count);
  }
  // To leave does not wait for the next look.
  await page.evaluate(() => {
    history.pushState(null, "", "/next");
    scrollTo(0, 0);
    scrollTo(0, 5000);
    history.pushState(null, "", "/third");
  });
  await scrolled(0.95);
  const url = page.url;
  await until("the third page's", async () => (await depths()).at(-1)?.[1] === `${url}/third`);
  assert.deepEqual(
    (await depths()).filter(([, at]) => at === `${url}/`),
    [25, 75, 90].map((mark) => [mark, `${url}/`]),
  );
  assert.deepEqual((await depths()).at(-1), [90, `${url}/third`]);
});

test("engagement is the time in which the page was visible and had the focus", async (t) => {
  const page = await opened(t, chrome, {
    before: `window.ahead = 0; const now = performance.now.bind(performance); performance.now = () => now() + ahead;
      window.focused = true; document.hasFocus = () => focused;`,
  });
  /** @param {string} script what happens after 10 s */
  const later = (script) => page.evaluate(`window.ahead += 10_000; ${script}`);
  await later(`window.focused = false; dispatchEvent(new Event("blur"))`);
  await later(`window.focused = true; dispatchEvent(new Event("focus"))`);
  await later("");
  await page.hide(true);
  await later("");
  await page.hide(false);
  // Less than a second is not told of.
  await page.hide(true);
  await page.hide(false);
  await later(`history.pushState(null, "", "/next")`);
  const told = await page.sent("user_engagement");
  assert.deepEqual(
    told.map(({ props, page: { url } }) => [Math.floor(props.engagement_time_msec / 10_000), url]),
    [
      [2, `${page.url}/`],
      [1, `${page.url}/`],
    ],
  );
});

test("a form is started once and submitted, and what was typed never leaves", async (t) => {
  const page = await opened(t, chrome, {
    html: `<form id="order" name="checkout" action="/pay?step=2">
        <input name="id"><input name="name"><input name="action" type="password"><input type="checkbox" value="SECRETbox">
        <textarea></textarea><select><option>first<option>SECRETchoice</select>
        <input type="hidden" value="SECREThidden"><div contenteditable id="own">x</div>
        <button id="pay">Pay <i data-beckon-mask>SECRETsum</i></button>
      </form>
      <a id="around" href="/x">Link <textarea>SECRETarea</textarea></a>
      <button id="editing" contenteditable>SECRETedited</button>`,
  });
  for (const [index, field] of (
    await page.locator("input:not([type=hidden]):not([type=checkbox]),textarea").all()
  ).entries())
    await field.pressSequentially(`SECRET${index}`);
  await page.check("input[type=checkbox]");
  await page.selectOption("select", "SECRETchoice");
  await page.locator("#own").pressSequentially("SECRETown");
  await page.click("#own");
  await page.click("#pay");
  await page.locator("input[name=name]").press("Enter");
  await page.click("#around", { position: { x: 2, y: 5 } });
  await page.click("#editing");
  const form = { form_id: "order", form_name: "checkout", form_destination: `${page.url}/pay?step=2` };
  assert.deepEqual(
    (await page.sent("form_start")).map(({ props }) => props),
    [form],
  );
  assert.deepEqual(
    (await page.sent("form_submit")).map(({ props }) => props),
    [1, 2].map(() => ({ ...form, form_submit_text: "[masked]" })),
  );
  assert((await page.sent("click")).length > 2);
  assert.doesNotMatch(JSON.stringify(page.batches), /SECRET/);
});

test("what asks to be ignored is, and what asks to be masked leaves no word", async (t) => {
  const inside = (/** @type {string} */ id) => `<div id="${id}-around" style="cursor: pointer">
    <a href="/SECRET.pdf">SECRET</a> <button class="plain">SECRET</button><button data-beckon-event="own_${id}">SECRET</button>
    <form name="f" action="/SECRET"><input><button class="submit">SECRET</button></form>
    <p data-beckon-item="7"><a class="select" href="/SECRET">SECRET</a></p></div>`;
  const page = await opened(t, chrome, {
    html: `<section data-beckon-ignore>${inside("ignored")}<i data-beckon-event="view_item" data-beckon-item="SECRET">SECRET</i>
        <script type="application/ld+json">{ "@type": "Product", "name": "SECRET" }</script></section>
      <section data-beckon-mask>${inside("masked")}</section>`,
  });
  for (const id of ["ignored", "masked"]) {
    await page.fill(`#${id}-around input`, "SECRET");
    for (const part of ["a", ".plain", "[data-beckon-event]", ".submit", ".select"]) {
      await page.click(`#${id}-around ${part} >> nth=0`, { clickCount: 3 });
    }
  }
  await until("dead clicks are told of", async () => (await page.sent("dead_click")).length > 0);
  assert.deepEqual(
    new Set(page.events().map(({ name }) => name)),
    new Set(
      "page_view click file_download own_masked form_start form_submit select_item rage_click dead_click".split(" "),
    ),
  );
  assert.doesNotMatch(JSON.stringify(page.batches), /SECRET|own_ignored/);
  assert.match(JSON.stringify(await page.sent("file_download")), /"link_url":"\[masked\]"/);
});

test("three quick clicks on one spot are rage, once", async (t) => {
  const page = await opened(t, chrome, {
    html: `<div id="still" class="a b">Jo Example</div><button id="slow">Slow</button><input id="field"><p id="text">Text</p>`,
  });
  // A busy machine is not quick: these clicks are the page's.
  await page.evaluate(() => {
    const click = (/** @type {string} */ id, clientX = 5, detail = 1) =>
      document.getElementById(id)?.dispatchEvent(new MouseEvent("click", { bubbles: true, clientX, detail }));
    for (let times = 0; times < 5; times++) click("still", 5 + times);
    for (const x of [100, 200, 300]) click("still", x);
    for (const _ of "123") click("field");
    // The keyboard's.
    for (const _ of "123") click("slow", 0, 0);
    getSelection()?.selectAllChildren(/** @type {Element} */ (document.getElementById("text")));
    for (const _ of "123") click("text");
    getSelection()?.empty();
  });
  await page.click("#slow", { clickCount: 3 });
  assert.deepEqual(
    (await page.sent("rage_click")).map(({ props }) => props),
    [
      { element: "div#still.a.b", clicks: 3 },
      { element: "button#slow", element_text: "Slow", clicks: 3 },
    ],
  );
});

test("a click without any effect is dead, one with an effect is not", async (t) => {
  const page = await opened(t, chrome, {
    html: `<button id="works">Works</button><button id="text">Text</button><label id="label">Label <input></label>
      <a id="tab" href="https://other.example" target="_blank">Tab</a><p id="plain">Plain</p>
      <div id="fake" style="cursor: pointer">Fake</div><button id="dead">Dead</button>`,
    script: `addEventListener("click", ({ target }) => { if (target.id === "works") target.title = "done"; })`,
  });
  const dead = async () => (await page.sent("dead_click")).map(({ props }) => props);
  for (const id of ["works", "label", "tab", "plain", "fake"]) await page.click(`#${id}`);
  await until("one is told of", async () => (await dead()).length === 1);
  await page.click("#dead");
  await until("another is told of", async () => (await dead()).length === 2);
  assert.deepEqual(await dead(), [{ element: "div#fake" }, { element: "button#dead", element_text: "Dead" }]);
});

test("errors are told by their message, masked, and not without end", async (t) => {
  const page = await opened(t, chrome, {
    throws: true,
    html: `<img src="/missing.png" onerror="this.title = 'x'">`,
  });
  await page.evaluate(() => {
    const thrown = (/** @type {string} */ message) =>
      setTimeout(() => {
        throw new TypeError(message);
      });
    thrown("no jo@mail.example in stock");
    thrown("no jo@mail.example in stock");
    Promise.reject(new Error("call 13800138000"));
    for (let n = 0; n < 20; n++) Promise.reject(`number ${n}`);
    return new Promise((done) => setTimeout(done));
  });
  const told = (await page.sent("exception")).map(({ props }) => props);
  assert.equal(told.length, 5);
  assert(told.some(({ description, fatal }) => /no \[email\] in stock/.test(description) && fatal === false));
  assert(told.some(({ description }) => description === "call [phone]"));
});

test("the term of a search is told with each page of results", async (t) => {
  const page = await opened(t, chrome, { path: "/find?page=2&q=+boots%20jo@mail.example" });
  await page.evaluate(() => {
    history.pushState(null, "", "/p/7?x=1");
    history.pushState(null, "", "/find?keyword=hats");
  });
  assert.deepEqual(
    (await page.sent("view_search_results")).map(({ props }) => props),
    [{ search_term: "boots [email]" }, { search_term: "hats" }],
  );
  const own = await opened(t, chrome, { path: "/?q=no&suche=yes", capture: { view_search_results: ["suche"] } });
  assert.deepEqual(
    (await own.sent("view_search_results")).map(({ props }) => props),
    [{ search_term: "yes" }],
  );
});

test("what is masked or ignored is so for the shadow trees in it, too", async (t) => {
  const page = await opened(t, chrome, {
    html: `<div data-beckon-mask><my-card id="masked"></my-card></div><my-card id="shown"></my-card>
      <div data-beckon-ignore><my-card id="ignored"></my-card></div>`,
    script: `customElements.define("my-name", class extends HTMLElement { connectedCallback() {
        this.attachShadow({ mode: "open" }).innerHTML = "<button>Jo Doe</button>"; } });
      customElements.define("my-card", class extends HTMLElement { connectedCallback() {
        this.attachShadow({ mode: "open" }).innerHTML = "<my-name></my-name>"; } });`,
  });
  for (const id of ["masked", "shown", "ignored"]) await page.click(`#${id} button`);
  const clicks = await page.sent("click");
  assert.deepEqual(
    clicks.map(({ props }) => props.button_text),
    ["[masked]", "Jo Doe"],
  );
});
