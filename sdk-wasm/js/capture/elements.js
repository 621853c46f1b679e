// What captures may know of elements.

/** The page's word that something must not be seen. */
const IGNORED = "[data-beckon-ignore]";
/** What holds words of the visitor, or words that the page wants kept. */
const MASKED = `[data-beckon-mask],${IGNORED},textarea,select,[contenteditable]`;

/**
 * The innermost element an event went through that matches, also out of shadow trees; nothing where the page asks to
 * ignore that part of it.
 * @param {Event} event @param {string} selector @returns {any}
 */
export const hit = (event, selector) => {
  const path = /** @type {any[]} */ (event.composedPath());
  /** @param {string} selector */
  const first = (selector) => path.find((node) => node.matches?.(selector));
  return first(IGNORED) ? undefined : first(selector);
};

/**
 * A text as the page shows it, one space between words. A label is a few words; more is a card that happens to be a
 * link. Counted in characters, so that none is cut in half.
 * @param {string | null | undefined | false} text
 */
export const short = (text) =>
  [...(text || "").trim().replace(/\s+/g, " ").slice(0, 200)].slice(0, 100).join("") || undefined;

/** Whether it stands in what is masked, also around a shadow tree that it is in, or has such a thing in it. @param {any} element @returns {boolean} */
export const masked = (element) =>
  !!(element.closest(MASKED) || element.querySelector(MASKED)) || inMasked(element.getRootNode().host);
/** @param {any} host @returns {boolean} */
const inMasked = (host) => !!host && (!!host.closest(MASKED) || inMasked(host.getRootNode().host));

/**
 * What a link or a button says, `[masked]` where it must not be known. The value of other buttons is a form's.
 * @param {any} element
 */
export const label = (element) =>
  masked(element)
    ? "[masked]"
    : short(
        element.getAttribute("aria-label") || element.textContent || (element.localName === "input" && element.value),
      );

/** An element in GA4's words for `link` or `button`. @param {any} element @param {string} kind */
export const described = (element, kind) => ({
  [`${kind}_text`]: label(element),
  [`${kind}_id`]: short(element.getAttribute("id")),
  [`${kind}_classes`]: short(element.getAttribute("class")),
});
