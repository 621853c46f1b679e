import { api } from "./api.js";
import { choice, el, foreign } from "./dom.js";
import { money, number } from "./format.js";
import { empty } from "./panel.js";
import { text } from "./text.js";

const words = text.products;
const COUNTED = ["views", "carts", "purchases"];

/** The products, or categories, that were looked at most, and what came of it. */
export const products = {
  id: "products",
  title: () => words.title,

  query: ({ period: { from, to }, state: { zone, by } }) => ({ from, to, tz: zone, dimension: by, limit: 10 }),
  load: (query, signal) => api.report("top", query, signal),

  tools: ({ state, change }) => [
    choice({
      name: "by",
      legend: words.by,
      options: ["item", "category"].map((by) => [by, words.bys[by]]),
      value: state.by,
      onChange: (by) => change({ by }),
    }),
  ],

  draw({ state }, { rows, units }) {
    if (rows.length === 0) return empty(words.empty);
    const most = Math.max(1, ...rows.map((row) => Number(row.views) || 0));
    const head = (name, label) => el("th", { scope: "col", role: "columnheader", class: name }, label);
    // The roles stand here because a narrow page lays the rows out as grids, which would drop the table's meaning.
    return el(
      "table",
      { class: "ranking", role: "table" },
      el(
        "thead",
        { role: "rowgroup" },
        el(
          "tr",
          { role: "row" },
          head("name", words[state.by]),
          ...COUNTED.map((name) => head(name, words[name])),
          head("revenue", words.revenue),
        ),
      ),
      el("tbody", { role: "rowgroup" }, ...rows.map((row) => line(row, most, state.by, units.revenue))),
    );
  },
};

function line(row, most, by, currency) {
  const bar = el("span", { class: "share", "aria-hidden": "true" });
  bar.style.width = `${Math.min(100, ((Number(row.views) || 0) / most) * 100)}%`;
  const cell = (name, value) => el("td", { role: "cell", class: name }, value);
  return el(
    "tr",
    { role: "row" },
    el("th", { scope: "row", role: "rowheader", class: "name" }, bar, ...names(row, by)),
    ...COUNTED.map((name) => cell(name, number(row[name]))),
    cell("revenue", row.revenue ? money(row.revenue, currency) : "–"),
  );
}

function names(row, by) {
  if (by === "category") return [row.item_category ? foreign(row.item_category) : el("em", {}, words.none)];
  return [foreign(row.item_name || row.item_id), row.item_category && el("small", {}, foreign(row.item_category, 60))];
}
