// What watches for elements that come later: one observer of the document for all that ask.

/** How long changes are collected before anybody looks. */
const PAUSE = 200;

/** @type {(() => void)[]} */
const calls = [];
let timer = 0;

/**
 * Calls now, with each page view, and after elements were added or renamed.
 * @param {import("../capture.js").Page} page @param {() => void} call
 */
export const grown = ({ viewed, safe }, call) => {
  if (!calls[0]) {
    new MutationObserver(() => {
      timer ||= setTimeout(() => {
        timer = 0;
        for (const call of calls) call();
      }, PAUSE);
    }).observe(document, {
      subtree: true,
      childList: true,
      attributeFilter: ["data-beckon-event", "data-beckon-item", "data-beckon-slot"],
    });
  }
  const look = safe(call);
  calls.push(look);
  viewed(look);
};

/**
 * The elements of the page that match, without those in parts that the page asks to ignore.
 * @param {string} selector
 */
export const every = (selector) =>
  [...document.querySelectorAll(selector)].filter((element) => !element.closest("[data-beckon-ignore]"));
