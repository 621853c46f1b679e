// `web_vitals`: LCP, CLS, INP, FCP and TTFB by Google's definitions, told when the page is hidden first, and again where
// one of them has become worse after that (`load_id` says that it is of the same page).

/** As web-vitals has it: shorter interactions are not worth what hearing of them costs. */
const LEAST_DURATION = 40;

/** @type {import("../capture.js").Capture} */
export const vitals = {
  name: "web_vitals",
  start({ left, on, safe, track }) {
    const [load] = /** @type {any[]} */ (performance.getEntriesByType("navigation"));
    /** When a page that was rendered ahead was asked for. */
    const activated = load?.activationStart ?? 0;
    /** @param {number} time */
    const since = (time) => Math.round(Math.max(time - activated, 0));

    const wasHidden = performance
      .getEntriesByType("visibility-state")
      .find(({ name, startTime }) => name === "hidden" && startTime >= activated);
    let hidden = wasHidden?.startTime ?? (document.visibilityState === "hidden" ? 0 : Number.POSITIVE_INFINITY);

    /** @type {Record<string, number>} */
    let values = {};
    /** @type {Record<string, number>} */
    let told = {};
    let id = "";
    let restored = false;
    /** What follows one another within a second, for five at the most: its sum, first and last time. */
    let shift = [0, 0, 0];
    let worstShift = 0;
    /** @type {Map<number, number>} the longest durations by interaction */
    let longest = new Map();
    let before = 0;
    /** @type {number[]} */
    let ids = [];

    /** Where the browser does not count, ids are seven apart. */
    const interactions = () => {
      const { interactionCount } = /** @type {any} */ (performance);
      return (interactionCount ?? (ids.length ? (Math.max(...ids) - Math.min(...ids)) / 7 + 1 : 0)) - before;
    };
    const begin = () => {
      values = {};
      told = {};
      id = Math.random().toString(36).slice(2);
      shift = [0, 0, 0];
      worstShift = 0;
      longest = new Map();
      before = 0;
      before = restored ? interactions() : 0;
    };
    begin();
    if (load?.responseStart > 0 && load.responseStart < performance.now()) values.TTFB = since(load.responseStart);

    /** @type {(() => void)[]} */
    const flushes = [];
    /** @param {string} type @param {(entry: any) => void} call @returns {boolean} whether the browser tells of these */
    const observe = (type, call) => {
      if (!PerformanceObserver.supportedEntryTypes.includes(type)) return false;
      const observer = new PerformanceObserver(safe((list) => list.getEntries().forEach(call)));
      observer.observe(/** @type {any} */ ({ type, buffered: true, durationThreshold: LEAST_DURATION }));
      flushes.push(() => observer.takeRecords().forEach(call));
      return true;
    };
    observe("paint", ({ name, startTime }) => {
      if (name === "first-contentful-paint" && startTime < hidden && !restored) values.FCP = since(startTime);
    });
    observe("largest-contentful-paint", ({ startTime }) => {
      if (startTime < hidden && !restored) values.LCP = since(startTime);
    });
    const isShifting = observe("layout-shift", ({ hadRecentInput, value, startTime }) => {
      if (hadRecentInput) return;
      const [sum, first, last] = shift;
      const goesOn = sum && startTime - last < 1000 && startTime - first < 5000;
      shift = goesOn ? [sum + value, first, startTime] : [value, startTime, startTime];
      worstShift = Math.max(worstShift, shift[0]);
    });
    /** @param {any} entry */
    const interacted = ({ interactionId, duration }) => {
      if (!interactionId) return;
      ids = [Math.min(...ids, interactionId), Math.max(...ids, interactionId)];
      longest.set(interactionId, Math.max(longest.get(interactionId) ?? 0, duration));
      longest = new Map([...longest].sort(([, a], [, b]) => b - a).slice(0, 10));
    };
    observe("event", interacted);
    observe("first-input", interacted);

    on(document, "visibilitychange", ({ timeStamp }) => {
      if (document.visibilityState === "hidden") hidden = Math.min(hidden, timeStamp);
    });
    let over = false;
    on(window, "pagehide", () => {
      over = true;
    });
    on(window, "pageshow", ({ persisted, timeStamp }) => {
      over = false;
      if (!persisted) return;
      // A page out of the back/forward cache is measured anew, from when it was shown.
      restored = true;
      hidden = Number.POSITIVE_INFINITY;
      begin();
      values.TTFB = 0;
      requestAnimationFrame(() =>
        requestAnimationFrame(() => {
          values.FCP = values.LCP = Math.round(performance.now() - timeStamp);
        }),
      );
    });
    left(() => {
      if (!over && document.visibilityState !== "hidden") return;
      for (const flush of flushes) flush();
      // What was never seen has not moved either.
      if (isShifting && values.FCP !== undefined) values.CLS = Math.round(worstShift * 1e4) / 1e4;
      const durations = [...longest.values()];
      const slow = durations[Math.min(durations.length - 1, Math.floor(interactions() / 50))];
      // After a restore there is no first input that is told of in any case: it took less than a frame.
      if (slow ?? (restored && interactions() > 0)) values.INP = slow ?? 8;
      const news = Object.entries(values).filter(([name, value]) => told[name] !== value);
      if (!news[0]) return;
      told = { ...values };
      track(2, "web_vitals", { ...Object.fromEntries(news), load_id: id });
    });
  },
};
