const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an HTML element. Children that are not nodes become text, so nothing that came from a stranger can turn into
 * markup. An attribute that is null, undefined or false is left out; `on` holds the listeners.
 */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** A set of radio buttons that looks like one control: it needs no key handling of its own. */
export function choice({ name, legend, options, value, onChange }) {
  const inputs = options.map(([key, label]) =>
    el(
      "label",
      {},
      el("input", { type: "radio", name, value: key, checked: key === value, on: { change: () => onChange(key) } }),
      el("span", { class: "option" }, label),
    ),
  );
  return el("fieldset", { class: "choice" }, el("legend", { class: "unseen" }, legend), ...inputs);
}

/** Writes a text only when it differs, so that an unchanged number costs no layout. */
export function write(element, content) {
  if (element.textContent !== content) element.textContent = content;
}

/** Text that a stranger wrote: cut to what a person would read, and isolated from the direction of its neighbours. */
export function foreign(value, longest = 120) {
  return el("bdi", { class: "foreign" }, plain(value, longest));
}

// An unclosed direction mark would swallow the end of the element that isolates it, and turn the rest of the line.
const INVISIBLE = /[\p{Cc}\p{Bidi_Control}]/gu;

/** The same as a string. Characters that command instead of being read are made visible. */
export function plain(value, longest) {
  const whole = typeof value === "string" ? value : String(value ?? "");
  const cut = whole.length > longest ? `${whole.slice(0, longest)}…` : whole;
  return cut.replace(INVISIBLE, "\ufffd");
}

function fill(element, { on = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const [type, listener] of Object.entries(on)) element.addEventListener(type, listener);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}
