// `exception`: errors that nobody caught, by their message, which is masked like any text.

/** Of one page view, so that a broken page does not flood. */
const MOST = 5;

/** @type {import("../capture.js").Capture} */
export const exception = {
  name: "exception",
  start({ on, track, viewed }) {
    let told = new Set();
    viewed(() => {
      told = new Set();
    });
    /** @param {any} error @param {string} [where] */
    const tell = (error, where = "") => {
      const description = `${error?.message ?? error}`.slice(0, 300);
      // Browsers say nothing else of scripts of other origins; extensions are not the page's.
      if (told.size >= MOST || told.has(description) || /^Script error|-extension:/.test(description + where)) return;
      told.add(description);
      track(2, "exception", { description, fatal: false, source: where || undefined });
    };
    on(window, "error", ({ message, filename, lineno, colno }) => {
      // What has no message is an image or a script that did not load.
      if (message) tell(message, `${filename?.replace(/[?#].*/, "")}:${lineno}:${colno}`);
    });
    on(window, "unhandledrejection", ({ reason }) => tell(reason));
  },
};
