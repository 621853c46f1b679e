/** Rows of products, wherever the shop shows some. */
import { product } from "./catalogue.js";
import { html, markup } from "./markup.js";
import { itemSelected } from "./measure.js";
import { picture } from "./pictures.js";
import { price } from "./words.js";

const card = (product) => html`<li>
  <a class="card" href="/p/${product.id}" data-product="${product.id}">
    <span class="picture">${markup(picture(product))}</span>
    <span class="card-name">${product.name}</span>
    <span class="card-price">${price(product.price)}</span>
  </a>
</li>`;

/** A grid of product cards. */
export const cards = (products) => html`<ul class="cards">${products.map(card)}</ul>`;

/** As many empty cards, so that nothing moves when the real ones come. */
export const emptyCards = (count) =>
  html`<ul class="cards" aria-hidden="true">${Array.from(
    { length: count },
    () =>
      html`<li><span class="card"><span class="picture"></span><span class="card-name">&nbsp;</span><span class="card-price">&nbsp;</span></span></li>`,
  )}</ul>`;

/** Tells which card of a list was chosen. */
export function watchCards(element, list) {
  element.addEventListener("click", (event) => {
    const chosen = product(event.target.closest("[data-product]")?.dataset.product);
    if (chosen) itemSelected(list, chosen);
  });
}
