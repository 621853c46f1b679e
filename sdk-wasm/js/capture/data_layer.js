// Events of `window.dataLayer` and `gtag("event", ...)` in GA4's shape, as they are: a shop with GA4 instruments
// nothing again. What Google's own scripts put there, and what Beckon captures by itself, is left out.
import { commerce } from "./commerce.js";

/** What tells of the visitor's deeds; other entries steer tags, and may hold whatever the shop knows of a customer. */
const KNOWN = /^(view|select|add|remove|begin)_|^(purchase|refund|search|sign_up|login|share|generate_lead)$/;
const OURS = /^(page_view|user_engagement|scroll|click|file_download|form_\w+|view_search_results|web_vitals)$/;

/** @type {import("../capture.js").Capture} */
export const dataLayer = {
  name: "dataLayer",
  start({ safe, track }) {
    // An entry that cannot be read costs none of the others.
    const read = safe((/** @type {any} */ entry) => {
      // gtag() puts its arguments there as they are.
      const isCall = entry?.[0] === "event";
      const name = isCall ? entry[1] : entry?.event;
      // The engine sees to it that it is a name.
      if (!name || OURS.test(name) || !(isCall || KNOWN.test(name))) return;
      /** @type {any} */
      let data;
      if (isCall) {
        const { send_to, event_callback, event_timeout, user_data, user_properties, ...rest } = entry[2] ?? {};
        data = rest;
      } else {
        const { items, value, currency, transaction_id, search_term, method } = entry;
        data = { items, value, currency, transaction_id, search_term, method, ...entry.ecommerce };
      }
      track(1, name, commerce(data));
    });
    /** @type {any} */
    const page = window;
    page.dataLayer ??= [];
    const layer = page.dataLayer;
    // An element with this id stands there too.
    if (!Array.isArray(layer)) return;
    const { push } = layer;
    /** @param {...any} entries */
    layer.push = (...entries) => {
      for (const entry of entries) read(entry);
      return push.apply(layer, entries);
    };
    for (const entry of [...layer]) read(entry);
  },
};
