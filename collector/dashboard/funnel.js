import { api } from "./api.js";
import { el, foreign, svg } from "./dom.js";
import { number, share } from "./format.js";
import { empty } from "./panel.js";
import { text } from "./text.js";

const words = text.funnel;
const STEPS = ["view_item", "add_to_cart", "purchase"];

// A step that one in a thousand took must still be seen to have been taken.
const LOWEST = 1.5;

/** How many of those who looked at a product put one into the cart, and how many of those bought. */
export const funnel = {
  id: "funnel",
  title: () => words.title,

  query: ({ period: { from, to }, state: { zone } }) => ({ from, to, tz: zone, steps: STEPS.join(",") }),
  load: (query, signal) => api.report("funnel", query, signal),

  draw(_, { rows }) {
    if (!(rows[0]?.visitors > 0)) return empty(words.empty);
    return el("ol", { class: "steps" }, ...rows.map((row, index) => step(row, rows[index + 1])));
  },
};

function step(row, next) {
  const name = Object.hasOwn(words.steps, row.step) ? words.steps[row.step] : foreign(row.step, 40);
  return el(
    "li",
    {},
    el("p", { class: "step" }, name),
    el("p", { class: "count" }, number(row.visitors), el("span", { class: "unseen" }, words.visitors(row.visitors))),
    el("p", { class: "of" }, words.ofFirst(share(row.of_first))),
    picture(row, next),
    next
      ? el(
          "p",
          { class: "after" },
          el("b", {}, words.went(share(next.of_previous))),
          el("span", {}, words.left(number(row.visitors - next.visitors))),
        )
      : null,
  );
}

// A pillar as high as the share that got here, and its slope down to the next one.
function picture(row, next) {
  const top = height(row.of_first);
  const beside = next ? height(next.of_first) : null;
  return svg(
    "svg",
    { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { class: "rest", x: 0, y: 0, width: next ? 100 : 56, height: 100 }),
    next && svg("path", { class: "slope", d: `M56 ${top}L100 ${beside}V100H56z` }),
    svg("rect", { class: "pillar", x: 0, y: top, width: 56, height: 100 - top }),
  );
}

function height(part) {
  const percent = Math.max(0, Math.min(1, Number(part) || 0)) * 100;
  return percent > 0 ? Math.min(100 - LOWEST, 100 - percent) : 100;
}
