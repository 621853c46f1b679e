// `data-beckon-slot="hero"`: puts what was decided into the slot, and tells when it was seen (`view_promotion`) and
// chosen (`select_promotion`). A slot is filled once a page view: what a visitor reads does not change under their eyes.
import { every, grown } from "./grown.js";

/** In milliseconds, half in view: what counts as seen for advertisements too. */
const SEEN_AFTER = 1000;
/** Attributes that content may set, of elements that run nothing. */
const ATTRIBUTES = /^(href|src|alt|title|aria-label)$/;
const FIELDS = "[data-beckon-field]:not(script,style,iframe,embed,object,link,base)";

/**
 * @param {Element} element @param {any} content text for a slot without elements; else fields for the elements in it
 *   with `data-beckon-field="title"` (its text) or `"cta href=url"` (text and attributes)
 */
const fill = (element, content) => {
  if (typeof content === "string" && !element.firstElementChild) element.textContent = content;
  if (!content || typeof content !== "object") return;
  for (const part of element.querySelectorAll(FIELDS)) {
    for (const word of part.getAttribute("data-beckon-field")?.split(/\s+/) ?? []) {
      const [name, attribute] = word.split("=").reverse();
      const value = Object.hasOwn(content, name) && content[name];
      if (typeof value !== "string" && typeof value !== "number") continue;
      if (!attribute) part.textContent = `${value}`;
      else if (ATTRIBUTES.test(attribute) && (/^[at]/.test(attribute) || isAddress(`${value}`)))
        part.setAttribute(attribute, `${value}`);
    }
  }
};

/** @param {string} text */
const isAddress = (text) => {
  try {
    return /^(https?|mailto|tel):$/.test(new URL(text, document.baseURI).protocol);
  } catch {
    return false;
  }
};

/** @type {import("../capture.js").Capture} */
export const slots = {
  name: "slots",
  start(page) {
    const { decide, hit, on, onDecision, safe, track, viewed, PRESSED } = page;
    /** @typedef {import("../index.d.ts").Decision & { decision_id?: string }} Decision */
    /** @type {Map<string, Decision | undefined>} what each slot shows in this page view */
    let current = new Map();
    /** @type {WeakMap<Element, Decision>} */
    const shown = new WeakMap();
    /** @type {WeakMap<Element, number>} */
    const timers = new WeakMap();
    /** What this page view has told of. */
    let told = new Set();

    /** @param {string} name @param {Decision} decision */
    const tell = (name, { slot, offer, arm, propensity, decision_id }) => {
      const once = [name, slot, offer, arm].join();
      if (!offer || told.has(once)) return;
      told.add(once);
      track(2, name, { promotion_id: offer, creative_slot: slot, creative_name: arm, propensity, decision_id });
    };
    const observer = new IntersectionObserver(
      safe((/** @type {IntersectionObserverEntry[]} */ entries) => {
        for (const { target, intersectionRatio, intersectionRect } of entries) {
          clearTimeout(timers.get(target));
          // Half of the slot, or of the window where the slot is larger.
          if (intersectionRatio < 0.5 && intersectionRect.height < innerHeight / 2) continue;
          const seen = safe(() => {
            const decision = shown.get(target);
            // A hidden page is not drawn, so this asks again when it is back.
            if (document.visibilityState !== "visible") again(target);
            else if (decision) tell("view_promotion", decision);
          });
          timers.set(target, setTimeout(seen, SEEN_AFTER));
        }
      }),
      { threshold: [0, 0.25, 0.5, 0.75, 1] },
    );
    /** @param {Element} element */
    const again = (element) => {
      observer.unobserve(element);
      observer.observe(element);
    };
    const show = () => {
      for (const element of every("[data-beckon-slot]")) {
        const slot = element.getAttribute("data-beckon-slot") ?? "";
        if (!current.has(slot) && !watched.has(slot)) {
          watched.add(slot);
          onDecision(slot, show);
        }
        const decision = current.get(slot) ?? decide(slot);
        current.set(slot, decision);
        if (!decision || shown.get(element) === decision) continue;
        shown.set(element, decision);
        const event = new CustomEvent("beckon:decision", { detail: decision, bubbles: true, cancelable: true });
        // A page that prevents this fills the slot by itself.
        if (element.dispatchEvent(event)) fill(element, decision.content);
        again(element);
      }
    };
    const watched = new Set();
    viewed(() => {
      current = new Map();
      told = new Set();
    });
    grown(page, show);
    on(document, "click", (event) => {
      const decision = shown.get(hit(event, "[data-beckon-slot]"));
      if (decision && hit(event, PRESSED)) tell("select_promotion", decision);
    });
  },
};
