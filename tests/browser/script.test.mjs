/** What a page may rely on that takes Beckon by a script tag: attributes as options, calls that came too early, one start. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { serve } from "./installed.mjs";
import { browser, root, until } from "./stage.mjs";

const STUB = `<script>
  window.beckon = new Proxy([], { get: (calls, name) => calls[name] ?? ((...values) => void calls.push([name, ...values])) });
</script>`;

/** @type {import("playwright-core").Browser} */
let chrome;
/** @type {string} */
let address;
before(async (t) => {
  chrome = await browser(/** @type {any} */ (t));
  address = await serve(/** @type {any} */ (t), join(root, "sdk-wasm", "dist"));
});

/**
 * A page with this in its body, and the batches it sends to whatever origin.
 * @param {import("node:test").TestContext} t @param {string} body @param {Record<string, unknown>} [setup] properties of its navigator
 */
async function visit(t, body, setup = {}) {
  const context = await chrome.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  /** @type {Error[]} */
  const thrown = [];
  page.on("pageerror", (error) => thrown.push(error));
  t.after(() => assert.deepEqual(thrown, []));
  /** @type {{ origin: string, batch: any }[]} */
  const sent = [];
  await page.addInitScript((given) => {
    for (const [name, value] of Object.entries(given)) Object.defineProperty(navigator, name, { value });
  }, setup);
  await page.route("**/v1/**", (route) => {
    const batch = JSON.parse(route.request().postData() ?? "null");
    if (batch?.events) sent.push({ origin: new URL(route.request().url()).origin, batch });
    const results = batch?.events?.map((/** @type {any} */ { id }) => ({ id, status: "stored" }));
    return route.fulfill({ json: { results }, headers: { "access-control-allow-origin": "*" } });
  });
  await page.route(`${address}/`, (route) =>
    route.fulfill({ contentType: "text/html", body: `<!doctype html>${body}` }),
  );
  await page.goto(`${address}/`);
  const events = () => sent.flatMap(({ batch }) => batch.events);
  return {
    page,
    sent,
    events,
    /** @param {string} name */
    arrived: (name) => until(`${name} arrives`, () => events().find((event) => event.name === name)),
    count: (/** @type {string} */ name) => events().filter((event) => event.name === name).length,
    /** @param {string} code */
    settled: (code) => until(code, () => page.evaluate(code)),
  };
}

/** @type {{ attributes: string, navigator?: Record<string, unknown>, holds: string }[]} */
const ATTRIBUTES = [
  { attributes: "", holds: `beckon.inspect().consent === "granted"` },
  {
    attributes: `data-consent="pending"`,
    holds: `beckon.inspect().consent === "pending" && !beckon.inspect().visitor`,
  },
  { attributes: `data-cookieless`, holds: `beckon.inspect().tier && beckon.inspect().visitor && !localStorage.length` },
  { attributes: `data-cookieless="false"`, holds: `localStorage.length > 0` },
  { attributes: "", navigator: { globalPrivacyControl: true }, holds: `beckon.inspect().consent === "denied"` },
  {
    attributes: `data-respect-gpc="false"`,
    navigator: { globalPrivacyControl: true },
    holds: `beckon.inspect().consent === "granted"`,
  },
];
describe("by a script tag", { concurrency: 4 }, () => {
  for (const { attributes, navigator, holds } of ATTRIBUTES) {
    const name = `${attributes || "no attribute"}${navigator ? " under Global Privacy Control" : ""}`;
    test(`the tag's attributes are its options: ${name}`, async (t) => {
      const { settled } = await visit(
        t,
        `<script async src="/script.js" data-key="pk_test" ${attributes}></script>`,
        navigator,
      );
      await settled(`globalThis.beckon?.inspect && (${holds})`);
    });
  }

  test("without an endpoint, events go to where the script came from", async (t) => {
    const { arrived, sent } = await visit(t, `<script async src="/script.js" data-key="pk_test"></script>`);
    await arrived("page_view");
    assert.equal(sent[0].origin, address);
  });

  test("calls before the script are made in their order, each once, and a reference kept from then goes on to work", async (t) => {
    const { page, events, arrived } = await visit(
      t,
      `${STUB}<script>
      const kept = beckon;
      beckon.track("sign_up");
      beckon.track("login");
    </script><script async src="/script.js" data-key="pk_test"></script>`,
    );
    await arrived("login");
    await page.evaluate(`kept.track("share"), kept.flush()`);
    await arrived("share");
    const own = ["sign_up", "login", "share"];
    assert.deepEqual(
      events()
        .map(({ name }) => name)
        .filter((name) => own.includes(name)),
      own,
    );
  });

  test("a tag that stands in the page twice, with a module of the same key beside it, counts a page once", async (t) => {
    const tag = `<script async src="/script.js" data-key="pk_test"></script>`;
    const { page, arrived, count, settled } = await visit(
      t,
      `${tag}${tag}<script type="module">
      import { init } from "/beckon.js";
      globalThis.other = init({ key: "pk_test", endpoint: location.origin });
    </script>`,
    );
    await settled("globalThis.other && globalThis.beckon?.inspect && true");
    await page.evaluate(`other.track("share"), Promise.all([other.flush(), beckon.flush()])`);
    await arrived("share");
    await arrived("page_view");
    assert.equal(count("page_view"), 1);
  });

  test("an element with the id beckon does not stand in the way", async (t) => {
    const { arrived } = await visit(
      t,
      `<div id="beckon"></div><script async src="/script.js" data-key="pk_test"></script>`,
    );
    await arrived("page_view");
  });
});
