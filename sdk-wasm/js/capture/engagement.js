// `user_engagement`: for how long a page was in front of its reader, visible and with the focus.

/** In milliseconds; a shorter look is no engagement, as in GA4. */
const LEAST = 1000;

/** @type {import("../capture.js").Capture} */
export const engagement = {
  name: "user_engagement",
  start({ on, track, viewed, left }) {
    let spent = 0;
    let since = 0;
    const look = () => {
      // Does not run while the computer sleeps, unlike the time of day.
      const now = performance.now();
      if (since) spent += now - since;
      since = document.visibilityState === "visible" && document.hasFocus() ? now : 0;
    };
    for (const type of ["focus", "blur", "pageshow"]) on(window, type, look);
    on(document, "visibilitychange", look);
    viewed(look);
    left(() => {
      look();
      if (spent < LEAST) return;
      track(2, "user_engagement", { engagement_time_msec: Math.round(spent) });
      spent = 0;
    });
  },
};
