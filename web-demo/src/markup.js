/** Text that is already markup. Only `html` and `markup` make one, so a plain string is always escaped. */
class Markup {
  constructor(text) {
    this.text = text;
  }

  toString() {
    return this.text;
  }
}

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function written(value) {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(written).join("");
  if (value === null || value === undefined || value === false) return "";
  return String(value).replace(/[&<>"']/g, (character) => ENTITIES[character]);
}

/** A template whose values are escaped unless they are markup themselves. */
export const html = (parts, ...values) => new Markup(String.raw({ raw: parts }, ...values.map(written)));

/** Text that the shop itself drew, such as a picture, taken as it is. */
export const markup = (text) => new Markup(text);

/** Puts markup into the page. */
export function show(element, content) {
  element.innerHTML = written(content);
}
