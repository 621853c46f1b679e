/** The cart, kept in this browser only. */
import { product } from "./catalogue.js";
import { addedToCart, removedFromCart } from "./measure.js";

const SAVED = "tarn-and-tinder.cart";
const SHIPPING = 4.9;

const listeners = new Set();
let cart = restored();

function restored() {
  const empty = { lines: [], freeShipping: false };
  try {
    const saved = JSON.parse(localStorage.getItem(SAVED)) ?? empty;
    return { ...saved, lines: saved.lines.filter((line) => product(line.id) && line.quantity > 0) };
  } catch {
    // Storage may be blocked or hold something older; the cart then starts empty.
    return empty;
  }
}

function change(next) {
  cart = { ...cart, ...next };
  try {
    localStorage.setItem(SAVED, JSON.stringify(cart));
  } catch {
    // Without storage the cart lives as long as the page.
  }
  for (const listener of listeners) listener();
}

/** Calls `listener` after every change; returns the function that ends it. */
export function onCartChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** What is in the cart: `{product, quantity}`, in the order it was put in. */
export const lines = () => cart.lines.map(({ id, quantity }) => ({ product: product(id), quantity }));

export const count = () => cart.lines.reduce((sum, line) => sum + line.quantity, 0);

/** The sums of the cart in euros. */
export function sums() {
  const goods = lines().reduce((sum, { product, quantity }) => sum + product.price * quantity, 0);
  const shipping = cart.freeShipping ? 0 : SHIPPING;
  return { goods, shipping, free: cart.freeShipping, total: goods + shipping };
}

export function add(id, quantity = 1) {
  const present = cart.lines.some((line) => line.id === id);
  change({
    lines: present
      ? cart.lines.map((line) => (line.id === id ? { id, quantity: line.quantity + quantity } : line))
      : [...cart.lines, { id, quantity }],
  });
  addedToCart(product(id), quantity);
}

/** Takes some away; the line goes with its last piece. */
export function remove(id, quantity = 1) {
  const present = cart.lines.find((line) => line.id === id);
  if (!present) return;
  const taken = Math.min(quantity, present.quantity);
  change({
    lines: cart.lines
      .map((line) => (line.id === id ? { id, quantity: line.quantity - taken } : line))
      .filter((line) => line.quantity > 0),
  });
  removedFromCart(product(id), taken);
}

export const takeFreeShipping = () => change({ freeShipping: true });

/** After a purchase, or when somebody else starts over in this browser. Nothing was removed, so nothing is told. */
export const empty = () => change({ lines: [], freeShipping: false });
