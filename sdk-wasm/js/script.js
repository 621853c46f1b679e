// Beckon by a script tag: `<script async src=".../script.js" data-key="pk_...">`. It is a classic script, because a
// module is not told which tag it came from.
import { init } from "./beckon.js";

const { dataset, src } = /** @type {HTMLScriptElement} */ (document.currentScript);

/** The options that the tag names: `data-cookieless`, `data-respect-gpc="false"`, `data-worker-url="/worker.js"`. */
const named = Object.entries(dataset).map(([name, text = ""]) => [
  name,
  /^(true|false|[\d.]+)$/.test(text) ? JSON.parse(text) : text || true,
]);

/** @type {any} */
const page = window;
// What the page has so far, a list of calls `[name, ...values]` or nothing, becomes the instance itself, so that a
// reference to it that the page keeps does not grow old.
page.beckon ??= [];
const { beckon } = page;

/** @param {object} [options] what no attribute can say, as `beforeSend` */
beckon.init = (options) =>
  Object.assign(beckon, init({ endpoint: new URL(src).origin, ...Object.fromEntries(named), ...options }));
if (dataset.key) beckon.init();
for (const [name, ...values] of beckon.splice?.(0) ?? []) beckon[name]?.(...values);
