// `data-beckon-event="view_item"` and its like: what is seen rather than clicked, once it comes into view.
import { every, grown } from "./grown.js";

/** @type {import("../capture.js").Capture} */
export const views = {
  name: "attributes",
  start(page) {
    /** What was told of each element, so that one that is used again for another item is told of again. */
    const told = new WeakMap();
    const observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        const [name, data] = told.get(target)[1];
        page.track(2, name, data);
      }
    });
    grown(page, () => {
      for (const element of every("[data-beckon-event^=view_]")) {
        const event = [element.getAttribute("data-beckon-event"), page.itemsOf(element)];
        const text = JSON.stringify(event);
        if (told.get(element)?.[0] === text) continue;
        told.set(element, [text, event]);
        observer.unobserve(element);
        observer.observe(element);
      }
    });
  },
};
