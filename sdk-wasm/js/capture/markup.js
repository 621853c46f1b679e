// Events and items that the page's HTML names:
//   <article data-beckon-item="sku7" data-beckon-item-name="Boot" data-beckon-item-price="€ 89,00">
//     <a href="/p/7">Boot</a> <button data-beckon-event="add_to_cart" data-beckon-event-method="list">Add</button>
import { NAMED } from "./click.js";
import { commerce } from "./commerce.js";
import { hit } from "./elements.js";

/** Fields that GA4 calls without `item_`. */
const BARE = /^(price|quantity|currency|index|discount|coupon)$/;

/**
 * The attributes of an element that begin with a prefix, in GA4's way to write names.
 * @param {Element} element @param {string} prefix @returns {Record<string, string>}
 */
const named = (element, prefix) => {
  /** @type {Record<string, string>} */
  const found = {};
  for (const { name, value } of element.attributes) {
    if (name.startsWith(prefix)) found[name.slice(prefix.length).replaceAll("-", "_")] = value;
  }
  return found;
};

/** @param {Element} element with `data-beckon-item`: an id with attributes beside it, or an item of GA4 in JSON */
const item = (element) => {
  const id = element.getAttribute("data-beckon-item") ?? "";
  if (id[0] === "{") {
    try {
      return JSON.parse(id);
    } catch {
      return;
    }
  }
  /** @type {Record<string, string>} */
  const fields = { item_id: id };
  for (const [name, value] of Object.entries(named(element, "data-beckon-item-")))
    fields[BARE.test(name) ? name : `item_${name}`] = value;
  return fields;
};

/**
 * An event of an element, with its parameters and the item that it is in, or else the items that are in it.
 * @param {Element} element with `data-beckon-event`
 * @param {(item: Element) => boolean} [wanted] which of the items that are in it
 */
export const itemsOf = (element, wanted) => {
  const around = element.closest("[data-beckon-item]");
  const items = around
    ? [item(around)]
    : [...element.querySelectorAll("[data-beckon-item]")].flatMap((inside, index) =>
        wanted?.(inside) === false ? [] : { index, ...item(inside) },
      );
  return commerce({ ...named(element, "data-beckon-event-"), items: items[0] && items });
};

/** @type {import("../capture.js").Capture} */
export const markup = {
  name: "attributes",
  start({ on, track }) {
    /** @param {Event} event */
    const happened = (event) => {
      const isClick = event.type === "click";
      const named = hit(event, isClick ? NAMED : "form[data-beckon-event]");
      const link = isClick && hit(event, "a[href]");
      if (named) track(2, named.getAttribute("data-beckon-event"), itemsOf(named));
      else if (link?.closest("[data-beckon-item]")) track(2, "select_item", itemsOf(link));
    };
    on(document, "click", happened);
    on(document, "submit", happened);
  },
};
