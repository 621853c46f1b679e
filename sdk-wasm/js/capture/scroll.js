// `scroll`: how far down a page was seen, told once for each mark of a page view.

/** In percent of the page's height. GA4 tells of the last one only. */
const MARKS = [25, 50, 75, 90];
/** Heights are asked for this seldom, since that may cost a layout. */
const PAUSE = 300;

/** @type {import("../capture.js").Capture} */
export const scroll = {
  name: "scroll",
  start({ on, track, viewed, left }) {
    let told = 0;
    let timer = 0;
    const look = () => {
      timer = clearTimeout(timer) ?? 0;
      const seen = ((scrollY + innerHeight) / document.documentElement.scrollHeight) * 100;
      // Whoever went past several marks meanwhile is told of by the last one.
      const mark = MARKS.findLast((mark) => mark <= seen + 0.1) ?? 0;
      if (mark <= told) return;
      told = mark;
      track(2, "scroll", { percent_scrolled: mark });
    };
    viewed(() => {
      timer = clearTimeout(timer) ?? 0;
      told = 0;
    });
    left(() => {
      if (timer) look();
    });
    on(document, "scroll", ({ target }) => {
      if (target === document) timer ||= setTimeout(look, PAUSE);
    });
  },
};
