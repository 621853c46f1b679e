// `data-beckon-event="view_item"` and its like: what is seen rather than clicked, once it comes into view. A list that
// grows tells of what is new in it.
import { every, grown } from "./grown.js";

const ITEM = "[data-beckon-item]";

/** @type {import("../capture.js").Capture} */
export const views = {
  name: "attributes",
  start(page) {
    /** @type {WeakMap<Element, string>} what was told of each element; one that is used for another item is new */
    const told = new WeakMap();
    /** @param {Element} element */
    const said = (element) =>
      element.getAttribute("data-beckon-event") + (element.closest(ITEM)?.getAttribute("data-beckon-item") ?? "");
    /** @param {Element} element */
    const isNew = (element) => told.get(element) !== said(element);
    /** What a view is about. @param {Element} element */
    const parts = (element) => {
      const inside = element.closest(ITEM) ? [] : [...element.querySelectorAll(ITEM)];
      return inside[0] ? inside : [element];
    };
    const observer = new IntersectionObserver(
      page.safe((/** @type {IntersectionObserverEntry[]} */ entries) => {
        for (const { target, isIntersecting } of entries) {
          if (!isIntersecting) continue;
          observer.unobserve(target);
          const data = page.itemsOf(target, isNew);
          for (const part of parts(target)) told.set(part, said(part));
          page.track(2, target.getAttribute("data-beckon-event") ?? "", data);
        }
      }),
    );
    grown(page, () => {
      for (const element of every("[data-beckon-event^=view_]")) {
        if (!parts(element).some(isNew)) continue;
        observer.unobserve(element);
        observer.observe(element);
      }
    });
  },
};
