import { empty, lines, sums } from "../cart.js";
import { html } from "../markup.js";
import { checkoutBegun, purchased } from "../measure.js";
import { counted, price } from "../words.js";
import { summary } from "./cart.js";

/** Letters only: a long row of digits would be masked as a telephone or card number. */
function orderNumber() {
  const letters = "bcdfghjkmnpqrstvwxz";
  return `tt-${Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => letters[byte % letters.length]).join("")}`;
}

export const checkout = (go) => () => ({
  title: "Checkout · Tarn & Tinder",
  body:
    lines().length === 0
      ? html`<h1>Checkout</h1><p class="empty">There is nothing to pay for. <a href="/">Back to the shop</a>.</p>`
      : html`<h1>Checkout</h1>
          <div class="cart">
            <form class="panel form" id="pay" autocomplete="off">
              <p class="note">Type whatever you like: the values of these fields are never captured, and this page keeps none of them. See for yourself behind the page.</p>
              <label><span>Name</span><input name="name" type="text" required autocomplete="off" placeholder="Robin Example" /></label>
              <label><span>E-mail</span><input name="email" type="email" required autocomplete="off" placeholder="robin@example.org" /></label>
              <label><span>Street and town</span><input name="address" type="text" autocomplete="off" placeholder="1 Tarn Lane, Tinderby" /></label>
              <fieldset>
                <legend>Payment</legend>
                <label class="choice"><input type="radio" name="payment" value="acorns" checked /> <span>Acorns, on delivery</span></label>
                <label class="choice"><input type="radio" name="payment" value="handshake" /> <span>A firm handshake</span></label>
              </fieldset>
              <button class="button button-wide" type="submit">Pay ${price(sums().total)} (pretend)</button>
            </form>
            <aside class="panel" aria-label="Your order">
              <ul class="order">${lines().map(({ product, quantity }) => html`<li><span>${quantity} × ${product.name}</span><span>${price(product.price * quantity)}</span></li>`)}</ul>
              ${summary()}
            </aside>
          </div>`,
  ready(main) {
    if (lines().length === 0) return;
    checkoutBegun(lines());
    main.querySelector("#pay").addEventListener("submit", (event) => {
      event.preventDefault();
      const bought = lines();
      const { goods, shipping } = sums();
      const pieces = bought.reduce((sum, line) => sum + line.quantity, 0);
      purchased(bought, orderNumber(), shipping);
      empty();
      go(`/thanks?pieces=${pieces}&goods=${goods}`);
    });
  },
});

export function thanks(_params, query) {
  const pieces = Number(query.get("pieces")) || 0;
  return {
    title: "Thank you · Tarn & Tinder",
    body: html`<div class="thanks">
      <h1>Thank you</h1>
      <p>${counted(pieces, "thing")} for ${price(Number(query.get("goods")) || 0)} would now be wrapped in brown paper. As this is a demo, they stay on the shelf.</p>
      <p>Look behind the page: <code>n_1d.purchase</code> went up, so you are no longer somebody who left a full cart.</p>
      <a class="button" href="/">Back to the shop</a>
    </div>`,
  };
}
