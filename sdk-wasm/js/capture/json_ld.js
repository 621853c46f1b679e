// `view_item` from the JSON-LD that a product page has for search engines: its only Product.
import { every, grown } from "./grown.js";

/** @param {any} value @returns {any} the first of several */
const first = (value) => [value].flat()[0];
/** @param {any} value a text, or a thing with a name */
const text = (value) => first(value)?.name ?? first(value);

/** Things that stand by themselves: not the products inside of a list. @param {any} node @returns {any[]} */
const things = (node) => [node, node?.["@graph"], node?.mainEntity].flat(9).filter(Boolean);

/** @param {any} thing */
const isProduct = (thing) => [thing["@type"]].flat().some((type) => /(^|\/)Product(Group)?$/.test(type));

/** @param {any} product */
const event = (product) => {
  const { sku, productID, productGroupID, gtin13, gtin, mpn, name, brand, category } = product;
  const whole = first(product.offers ?? first(product.hasVariant)?.offers);
  const offer = whole?.price == null && whole?.lowPrice == null ? (first(whole?.offers) ?? whole) : whole;
  const price = first(offer?.priceSpecification);
  const fields = {
    item_id: sku ?? productID ?? productGroupID ?? gtin13 ?? gtin ?? mpn,
    item_name: name,
    item_brand: text(brand),
    price: offer?.price ?? offer?.lowPrice ?? price?.price,
  };
  const categories = `${text(category) ?? ""}`.split(/\s*[>/]\s*/).slice(0, 5);
  return {
    currency: offer?.priceCurrency ?? price?.priceCurrency,
    items: [
      Object.assign(fields, ...categories.map((name, index) => ({ [`item_category${index ? index + 1 : ""}`]: name }))),
    ],
  };
};

/** @type {import("../capture.js").Capture} */
export const jsonLd = {
  name: "jsonLd",
  start(page) {
    let seen = "";
    let told = "";
    grown(page, () => {
      const texts = every('script[type="application/ld+json"]').map(({ textContent }) => textContent ?? "");
      // Pages change often, and what they say for search engines seldom.
      if (seen === texts.join()) return;
      seen = texts.join();
      const products = texts.flatMap((text) => {
        try {
          return things(JSON.parse(text)).flatMap(things).filter(isProduct);
        } catch {
          return [];
        }
      });
      const found = [...new Set(products)];
      const data = found.length === 1 && page.commerce(event(found[0]));
      const text = data ? JSON.stringify(data) : "";
      if (data && text !== told) page.track(3, "view_item", data);
      told = text;
    });
  },
};
