// `dead_click`: something looked as if it could be clicked, and nothing happened.
import { describe } from "./pressed.js";

/** In milliseconds: what an answer may take before it is none. */
const PATIENCE = 2500;
/** What has its effect where the page does not see it: in another tab, program, picker or dialog. */
const ELSEWHERE =
  "[target]:not([target=_self]),[download],[popovertarget],[commandfor],[href^='mailto:'],[href^='tel:'],input:not([type=submit],[type=button]),select,textarea,label,option,video,audio,iframe,embed,object";

/** @type {import("../capture.js").Capture} */
export const dead = {
  name: "dead_click",
  start(page) {
    const { hit, left, on, safe, track, PRESSED } = page;
    let stop = () => {};
    on(document, "click", (event) => {
      stop();
      const element = hit(event, "*");
      if (!element || !event.detail || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
      if (hit(event, ELSEWHERE) || !(hit(event, PRESSED) || getComputedStyle(element).cursor === "pointer")) return;
      const address = location.href;
      const selected = `${getSelection()}`;
      const fields = describe(event, page);
      const observer = new MutationObserver(() => stop());
      const late = safe(() => {
        stop();
        if (location.href === address && `${getSelection()}` === selected) track(2, "dead_click", fields);
      });
      const timer = setTimeout(late, PATIENCE);
      stop = () => {
        observer.disconnect();
        clearTimeout(timer);
        stop = () => {};
      };
      observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
    });
    for (const type of ["scroll", "toggle", "input"]) on(document, type, () => stop());
    // Whoever leaves has had an effect.
    left(() => stop());
  },
};
