// `click` on links and buttons, in the words of GA4's enhanced measurement.
import { described, hit, masked } from "./elements.js";

/** What is there to be pressed. */
export const PRESSED = "a[href],area[href],button,[role=button],input[type=submit],input[type=button],summary";
/** What the page has a name of its own for. Forms are submitted and views are seen. */
export const NAMED = "[data-beckon-event]:not(form,[data-beckon-event^=view_])";

/**
 * The link of a click with the left or the middle button, which opens it in a tab.
 * @param {MouseEvent} event @param {any} [pressed]
 */
export const linked = (event, pressed = hit(event, "a[href],area[href]")) =>
  // A link of an SVG has no host.
  event.button < 2 && pressed?.host != null && pressed;

/** @param {any} link */
export const linkFields = (link) => ({ link_url: masked(link) ? "[masked]" : link.href, ...described(link, "link") });

/** @type {import("../capture.js").Capture} */
export const click = {
  name: "click",
  start({ on, track }) {
    /** @param {MouseEvent} event */
    const clicked = (event) => {
      const pressed = hit(event, PRESSED);
      if (!pressed || hit(event, NAMED)) return;
      const link = linked(event, pressed);
      if (link) track(2, "click", { ...linkFields(link), outbound: !!link.host && link.host !== location.host });
      else if (!event.button) track(2, "click", described(pressed, "button"));
    };
    on(document, "click", clicked);
    on(document, "auxclick", clicked);
  },
};
