import { startAlso } from "../also.js";
import { add } from "../cart.js";
import { category, product as productOf } from "../catalogue.js";
import { html, markup } from "../markup.js";
import { itemViewed } from "../measure.js";
import { picture } from "../pictures.js";
import { say } from "../say.js";
import { price } from "../words.js";

const MOST = 5;

export function product({ id }) {
  const shown = productOf(id);
  if (!shown) return null;
  const shelf = category(shown.category);
  return {
    title: `${shown.name} · Tarn & Tinder`,
    body: html`<nav class="trail" aria-label="You are here"><a href="/">Shop</a> <span aria-hidden="true">/</span> <a href="/c/${shelf.id}">${shelf.name}</a></nav>
      <article class="product">
        <div class="picture product-picture">${markup(picture(shown))}</div>
        <div class="product-words">
          <h1>${shown.name}</h1>
          <p class="product-price">${price(shown.price)}</p>
          <p class="product-text">${shown.text}</p>
          <ul class="details">${shown.details.map((detail) => html`<li>${detail}</li>`)}</ul>
          <form class="buy" id="buy">
            <label>
              <span>Quantity</span>
              <select name="quantity">${Array.from({ length: MOST }, (_, index) => html`<option>${index + 1}</option>`)}</select>
            </label>
            <button class="button" type="submit" data-add>Add to cart</button>
          </form>
          <p class="stock">${shown.stock < 20 ? `Only ${shown.stock} left` : "In stock, with you in two days"}</p>
        </div>
      </article>
      <section class="also" id="also" aria-labelledby="also-title"></section>`,
    ready(main) {
      itemViewed(shown);
      main.querySelector("#buy").addEventListener("submit", (event) => {
        event.preventDefault();
        add(shown.id, Number(new FormData(event.target).get("quantity")));
        say(html`<strong>${shown.name}</strong> is in your cart. <a href="/cart">See the cart</a>`);
      });
      return startAlso(main.querySelector("#also"), shown);
    },
  };
}
