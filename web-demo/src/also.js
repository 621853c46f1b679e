/** "Others also looked at": items that Beckon names, or the rest of the shelf where it names none. */
import { cards, emptyCards, watchCards } from "./cards.js";
import { category, inCategory, product as productOf } from "./catalogue.js";
import { html, show } from "./markup.js";
import { beckon, listViewed } from "./measure.js";

const COUNT = 4;
/** The section stands below the fold with its place kept, so it can wait longer than the top of a page could. */
const PATIENCE = 800;

const SOURCES = {
  sessions: "Seen in the same visits as this one.",
  item: "Seen in the same visits as this one.",
  category: "Often looked at on this shelf.",
  popular: "Often looked at these days.",
};

const section = (title, line, list) => html`<header><h2 id="also-title">${title}</h2><p>${line}</p></header>${list}`;

/** Fills the section for a product; what comes after the page was left is not shown. */
export function startAlso(element, shown) {
  let left = false;
  show(element, section("Others also looked at", " ", emptyCards(COUNT)));

  beckon.recommend("also", { n: COUNT, item: shown.id, timeout: PATIENCE }).then(({ items, source }) => {
    if (left) return;
    // The collector may know items that this shop no longer sells.
    const named = items.map((item) => productOf(item.id)).filter((product) => product && product !== shown);
    const shelf = category(shown.category);
    if (named.length > 0) {
      fill({ id: "also", name: "Others also looked at" }, named.slice(0, COUNT), SOURCES[source] ?? "");
    } else {
      const neighbours = inCategory(shelf.id).filter((product) => product !== shown);
      fill({ id: `more-${shelf.id}`, name: `More in ${shelf.name}` }, neighbours.slice(0, COUNT), shelf.line);
    }
  });

  function fill(list, products, line) {
    show(element, section(list.name, line, cards(products)));
    listViewed(list, products);
    watchCards(element, list);
  }

  return () => {
    left = true;
  };
}
