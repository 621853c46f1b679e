import { cards, watchCards } from "../cards.js";
import { CATEGORIES, inCategory, PRODUCTS, product } from "../catalogue.js";
import { heroBox, startHero } from "../hero.js";
import { html, markup } from "../markup.js";
import { listViewed } from "../measure.js";
import { picture } from "../pictures.js";
import { counted } from "../words.js";

const LIST = { id: "season", name: "This season" };
const SEASON = [
  "fell-runner",
  "ridge-pack",
  "enamel-mug",
  "dusk-lantern",
  "moss-chelsea",
  "iron-skillet",
  "wool-blanket",
  "weekender",
];
const DOORS = { shoes: "tarn-boot", packs: "rain-rolltop", kitchen: "billy-kettle", light: "beeswax-candle" };

const door = (category) => html`<li>
  <a class="door" href="/c/${category.id}">
    <span class="picture">${markup(picture(product(DOORS[category.id])))}</span>
    <span class="door-words"><strong>${category.name}</strong><span>${counted(inCategory(category.id).length, "thing")}</span></span>
  </a>
</li>`;

export function home() {
  const season = PRODUCTS.filter((product) => SEASON.includes(product.id)).sort(
    (one, other) => SEASON.indexOf(one.id) - SEASON.indexOf(other.id),
  );
  return {
    title: "Tarn & Tinder",
    body: html`<h1 class="hidden">Tarn &amp; Tinder</h1>
      ${heroBox("tall")}
      <ul class="doors">${CATEGORIES.map(door)}</ul>
      <section id="season">
        <h2>This season</h2>
        ${cards(season)}
      </section>`,
    ready(main) {
      listViewed(LIST, season);
      watchCards(main.querySelector("#season"), LIST);
      return startHero(main.querySelector("#hero"));
    },
  };
}
