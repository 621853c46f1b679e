import { api } from "./api.js";
import { chart } from "./chart.js";
import { choice, el } from "./dom.js";
import { compact, dates, number } from "./format.js";
import { empty } from "./panel.js";
import { dayOf } from "./period.js";
import { text } from "./text.js";

const words = text.traffic;

// A table of years of days is long; from here on its empty rows are left out.
const LONG_TABLE = 400;

/** What came in, hour by hour or day by day. */
export const traffic = {
  id: "traffic",
  wide: true,
  title: ({ period }) => words.titleBy[period.step],

  query: ({ period: { from, to, step }, state: { zone } }) => ({ from, to, tz: zone, step }),
  load: (query, signal) => api.report("traffic", query, signal),

  tools: ({ state, period, change }, data) =>
    [
      period.steps.length > 1 &&
        choice({
          name: "step",
          legend: words.step,
          options: period.steps.map((step) => [step, words.steps[step]]),
          value: period.step,
          onChange: (step) => change({ step }),
        }),
      choice({
        name: "bars",
        legend: words.bars,
        options: ["page_views", "events"].map((column) => [column, words[column]]),
        value: barsOf(state, data),
        onChange: (bars) => change({ bars }),
      }),
    ].filter(Boolean),

  draw(asked, data) {
    const { state, period, site, change, now } = asked;
    const bars = barsOf(state, data);
    const buckets = bucketsOf(data.rows, bars, period.step, state.zone, now);
    if (!data.rows.some((row) => row.events > 0)) return nothing(site, state, change);
    const title = words.titleBy[period.step];
    const days = period.first !== period.last;
    const pick = (first, last) =>
      change({
        range: "custom",
        from: dayOf(buckets[first].start, state.zone),
        to: dayOf(buckets[last].start, state.zone),
        step: null,
      });
    return [
      totals(data.rows, buckets, period.step, bars),
      chart({
        buckets,
        step: period.step,
        zone: state.zone,
        label: words.chart(title),
        place: "chart",
        pick: days ? pick : null,
      }),
      days && el("p", { class: "note zoom" }, words.zoom),
      table(data.rows, buckets, title),
    ].filter(Boolean);
  },
};

// Data that came without page views (an import of product views, say) would be an empty chart.
function barsOf(state, { rows }) {
  return state.bars ?? (rows.some((row) => row.page_views > 0) ? "page_views" : "events");
}

function bucketsOf(rows, bars, step, zone, now) {
  const write = dates(zone);
  const name = step === "hour" ? write.moment : write.longDay;
  const starts = rows.map((row) => new Date(row.start));
  return rows.map((row, index) => {
    const start = starts[index];
    const end = starts[index + 1]?.getTime() ?? start.getTime() + (step === "hour" ? 3_600_000 : 86_400_000);
    const open = start.getTime() <= now && now < end;
    return {
      start,
      open,
      title: open ? words.soFar(name(start)) : name(start),
      bar: Number(row[bars]) || 0,
      line: Number(row.visitors) || 0,
      values: [
        [words.visitors, number(row.visitors), "of-line"],
        [words.sessions, number(row.sessions)],
        [words.page_views, number(row.page_views), bars === "page_views" ? "of-bars" : undefined],
        [words.events, number(row.events), bars === "events" ? "of-bars" : undefined],
      ],
    };
  });
}

// Visitors are not summed: somebody who came in two hours is one visitor.
function totals(rows, buckets, step, bars) {
  const sum = (column) => rows.reduce((total, row) => total + (Number(row[column]) || 0), 0);
  const best = buckets.reduce((best, bucket) => (bucket.line > best.line ? bucket : best), buckets[0]);
  const figure = (label, value, kind, more) =>
    el("div", { class: kind }, el("dt", {}, label), el("dd", {}, el("b", {}, value), more && el("small", {}, more)));
  return el(
    "dl",
    { class: "figures" },
    ...["page_views", "events"].map((column) =>
      figure(
        words[column],
        sum(column) < 100_000 ? number(sum(column)) : compact(sum(column)),
        column === bars ? "of-bars" : "plain",
      ),
    ),
    figure(words.busiest[step], number(best.line), "of-line", ` ${words.visitorsAt(best.title)}`),
  );
}

function table(rows, buckets, title) {
  const columns = ["visitors", "sessions", "page_views", "events"];
  const long = rows.length > LONG_TABLE;
  const whole = el(
    "table",
    {},
    el("caption", {}, words.table(title), long && ` ${words.emptyRows}`),
    el("thead", {}, el("tr", {}, ...["time", ...columns].map((name) => el("th", { scope: "col" }, words[name])))),
    el(
      "tbody",
      {},
      ...rows
        .map((row, index) => [row, buckets[index]])
        .filter(([row]) => !long || row.events > 0)
        .map(([row, { title: time }]) =>
          el("tr", {}, el("th", { scope: "row" }, time), ...columns.map((name) => el("td", {}, number(row[name])))),
        ),
    ),
  );
  return el("div", { class: "unseen" }, whole);
}

function nothing(site, state, change) {
  if (!site.first_event) return empty(words.empty);
  const write = dates(state.zone).longDay;
  return empty(
    words.empty,
    el("p", {}, words.emptyHint(write(new Date(site.first_event)), write(new Date(site.last_event)))),
    el("button", { type: "button", on: { click: () => change({ range: "all" }) } }, words.showAll),
  );
}
