import { add, lines, onCartChange, remove, sums, takeFreeShipping } from "../cart.js";
import { heroBox, startHero } from "../hero.js";
import { html, markup, show } from "../markup.js";
import { cartViewed } from "../measure.js";
import { picture } from "../pictures.js";
import { say } from "../say.js";
import { price } from "../words.js";

const line = ({ product, quantity }) => html`<li class="line" data-line="${product.id}">
  <a class="picture" href="/p/${product.id}" tabindex="-1" aria-hidden="true">${markup(picture(product))}</a>
  <div class="line-words">
    <a href="/p/${product.id}">${product.name}</a>
    <span>${price(product.price)} each</span>
  </div>
  <div class="stepper" role="group" aria-label="Quantity of ${product.name}">
    <button type="button" data-act="less" aria-label="One less">−</button>
    <output>${quantity}</output>
    <button type="button" data-act="more" aria-label="One more">+</button>
  </div>
  <strong class="line-sum">${price(product.price * quantity)}</strong>
  <button class="quiet" type="button" data-act="all" aria-label="Remove ${product.name}">Remove</button>
</li>`;

/** The sums, also shown beside the checkout. */
export function summary(more = "") {
  const { goods, shipping, free, total } = sums();
  return html`<dl class="sums">
      <div><dt>Goods</dt><dd>${price(goods)}</dd></div>
      <div class="${free ? "is-free" : ""}"><dt>Shipping</dt><dd>${free ? "Free today" : price(shipping)}</dd></div>
      <div class="total"><dt>Total</dt><dd>${price(total)}</dd></div>
    </dl>
    ${more}`;
}

const contents = () =>
  lines().length === 0
    ? html`<p class="empty">Nothing in it yet. <a href="/c/shoes">Start with the shoes</a>.</p>`
    : html`<div class="cart">
        <ul class="lines">${lines().map(line)}</ul>
        <aside class="panel" aria-label="Sums">
          ${summary(html`<a class="button button-wide" href="/checkout">Go to checkout</a>`)}
        </aside>
      </div>`;

export function cart(_params, query) {
  return {
    title: "Cart · Tarn & Tinder",
    body: html`<h1>Your cart</h1>
      ${heroBox("low")}
      <div id="contents">${contents()}</div>`,
    ready(main) {
      const box = main.querySelector("#contents");
      cartViewed(lines());
      const stopHero = startHero(main.querySelector("#hero"));
      const stopCart = onCartChange(() => {
        const held = document.activeElement?.closest("[data-line]")?.dataset.line;
        const act = document.activeElement?.dataset.act;
        show(box, contents());
        // Drawing the lines anew would drop the focus of whoever works with the keyboard.
        box.querySelector(`[data-line="${held}"] [data-act="${act}"]`)?.focus();
      });
      box.addEventListener("click", (event) => {
        const act = event.target.closest("[data-act]")?.dataset.act;
        const id = event.target.closest("[data-line]")?.dataset.line;
        if (act === "more") add(id);
        if (act === "less") remove(id);
        if (act === "all") remove(id, Number.POSITIVE_INFINITY);
      });
      if (query.get("shipping") === "free") {
        takeFreeShipping();
        say("Shipping is free for this cart.");
      }
      return () => {
        stopHero();
        stopCart();
      };
    },
  };
}
