import { cards, watchCards } from "../cards.js";
import { category as categoryOf, inCategory } from "../catalogue.js";
import { html } from "../markup.js";
import { listViewed } from "../measure.js";

export function category({ id }) {
  const shelf = categoryOf(id);
  if (!shelf) return null;
  const products = inCategory(id);
  return {
    title: `${shelf.name} · Tarn & Tinder`,
    body: html`<header class="page-head">
        <h1>${shelf.name}</h1>
        <p>${shelf.line}</p>
      </header>
      ${cards(products)}`,
    ready(main) {
      listViewed(shelf, products);
      watchCards(main.querySelector(".cards"), shelf);
    },
  };
}
