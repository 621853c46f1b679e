// `rage_click`: three clicks on one spot within a second.
import { describe } from "./pressed.js";

const CLICKS = 3;
const WITHIN = 1000;
const PIXELS = 30;

/** @type {import("../capture.js").Capture} */
export const rage = {
  name: "rage_click",
  start(page) {
    const { hit, on, track } = page;
    /** @type {MouseEvent[]} */
    let clicks = [];
    on(document, "click", (event) => {
      const element = hit(event, "*");
      // The keyboard's clicks have no detail; three clicks select a paragraph, and step through numbers.
      if (!element || !event.detail || element.matches("input,textarea,select") || getSelection()?.toString()) {
        clicks = [];
        return;
      }
      clicks = [...clicks, event].filter(
        ({ timeStamp, clientX, clientY }) =>
          event.timeStamp - timeStamp <= WITHIN &&
          Math.hypot(event.clientX - clientX, event.clientY - clientY) <= PIXELS,
      );
      // One more of the same spot is the same rage.
      if (clicks.length === CLICKS) track(2, "rage_click", { ...describe(event, page), clicks: CLICKS });
    });
  },
};
