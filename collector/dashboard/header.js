import { choice, el, foreign } from "./dom.js";
import { browserZone, dates, number } from "./format.js";
import { RANGES } from "./period.js";
import { text } from "./text.js";

const words = text.header;

/** The bar on top: which site, which range, and the way out. */
export function header({ site, period, change, onSignOut }) {
  const pick = (range) =>
    change(range === "custom" ? { range, from: period.first, to: period.last } : { range, from: null, to: null });
  return el(
    "header",
    { class: "header" },
    el(
      "div",
      { class: "inner" },
      el(
        "h1",
        {},
        el("img", { src: "/icon.svg", alt: "", width: 24, height: 24 }),
        el("span", { class: "unseen" }, `${text.product}: `),
        foreign(site.site, 80),
      ),
      el(
        "nav",
        { "aria-label": words.label },
        choice({
          name: "range",
          legend: words.range,
          options: RANGES.map((range) => [range, words.ranges[range]]),
          value: period.range,
          onChange: pick,
        }),
        period.range === "custom" && customDays(period, change),
      ),
      el("button", { type: "button", class: "quiet out", on: { click: onSignOut } }, words.signOut),
    ),
  );
}

function customDays({ first, last }, change) {
  const day = (name, value) =>
    el("input", { type: "date", name, value, required: true, min: "1970-01-01", max: "9999-12-31" });
  const [from, to] = [day("from", first), day("to", last)];
  const submit = (event) => {
    event.preventDefault();
    const [first, last] = [from.value, to.value].sort();
    change({ range: "custom", from: first, to: last });
  };
  return el(
    "form",
    { class: "days", on: { submit } },
    el("label", {}, el("span", {}, words.from), from),
    el("label", {}, el("span", {}, words.to), to),
    el("button", { type: "submit" }, words.apply),
  );
}

/** The line at the end: the time zone, which can be changed, and `events`, the place for what the figures rest on. */
export function footer({ site, state, change }, events) {
  const zones = Intl.supportedValuesOf?.("timeZone") ?? [];
  const others = [...new Set(["UTC", ...(state.tz ? [state.tz] : []), ...zones])].filter(
    (zone) => zone !== browserZone,
  );
  const option = (value, label) => el("option", { value, selected: value === (state.tz ?? "") }, label);
  const select = el(
    "select",
    { name: "tz", on: { change: () => change({ tz: select.value || null }) } },
    option("", text.footer.browserZone(browserZone)),
    ...others.map((zone) => option(zone, zone)),
  );
  return el(
    "footer",
    { class: "footer" },
    el("label", {}, el("span", {}, text.footer.zone), " ", select),
    events,
    el("span", {}, text.footer.version(String(site.version ?? "").slice(0, 20))),
  );
}

/** What the figures rest on: how many events, since when. */
export function holdings(site, zone) {
  if (!site.first_event) return "";
  const first = dates(zone).longDay(new Date(site.first_event));
  return text.footer.since(number(site.events), text.footer.events(site.events), first);
}
