/**
 * Everything the shop tells Beckon, in GA4's words. No other file knows the names of the events.
 */
import { init } from "beckon";

const { key, endpoint } = await fetch("/beckon.json").then((answer) => answer.json());

/** The one instance of the page. It counts page views by itself, also those of history.pushState. */
export const beckon = init({ key, endpoint });

const CURRENCY = "EUR";

const item = (product, more = {}) => ({
  item_id: product.id,
  item_name: product.name,
  item_category: product.category,
  price: product.price,
  ...more,
});
const items = (lines) => lines.map(({ product, quantity }) => item(product, { quantity }));
const value = (lines) => lines.reduce((sum, { product, quantity }) => sum + product.price * quantity, 0);
const money = (lines) => ({ currency: CURRENCY, value: value(lines), items: items(lines) });

/** A list of products was shown. `list` is `{id, name}`. */
export function listViewed(list, products) {
  beckon.track("view_item_list", {
    item_list_id: list.id,
    item_list_name: list.name,
    items: products.map((product, index) => item(product, { index })),
  });
}

export function itemSelected(list, product) {
  beckon.track("select_item", { item_list_id: list.id, item_list_name: list.name, items: [item(product)] });
}

export function itemViewed(product) {
  beckon.track("view_item", { currency: CURRENCY, value: product.price, items: [item(product)] });
}

export function addedToCart(product, quantity) {
  beckon.track("add_to_cart", money([{ product, quantity }]));
}

export function removedFromCart(product, quantity) {
  beckon.track("remove_from_cart", money([{ product, quantity }]));
}

/** `lines` are `{product, quantity}`. */
export function cartViewed(lines) {
  beckon.track("view_cart", money(lines));
}

export function checkoutBegun(lines) {
  beckon.track("begin_checkout", money(lines));
}

export function purchased(lines, transaction, shipping) {
  beckon.track("purchase", { transaction_id: transaction, shipping, ...money(lines) });
}

/** `user` is the shop's own id of the person. Without a signature the collector notes it and joins nothing. */
export function loggedIn(user) {
  beckon.identify(user);
  beckon.track("login", { method: "demo" });
}

const promotion = (decision) => ({
  promotion_id: decision.offer,
  creative_slot: decision.slot,
  creative_name: decision.arm,
});

/** An offer was seen. The shop's own content is no promotion, and says nothing. */
export function offerSeen(decision) {
  if (decision.offer) beckon.track("view_promotion", promotion(decision));
}

export function offerSelected(decision) {
  if (decision.offer) beckon.track("select_promotion", promotion(decision));
}
