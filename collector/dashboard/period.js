import { browserZone, dates, isZone } from "./format.js";

/** The ranges that can be picked; `custom` takes its days from the address. */
export const RANGES = ["24h", "7d", "30d", "all", "custom"];

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

// Up to here hours are the better picture; up to the second they can be asked for and still be told apart.
const HOURLY_DAYS = 3;
const HOURLY_DAYS_AT_MOST = 14;

/**
 * The state of the page as the address's query holds it; whatever is malformed there reads as not given.
 * `from` and `to` are days, both included; `zone` is always one the browser knows.
 */
export function readState(search) {
  const query = new URLSearchParams(search);
  const one = (name, allowed) => (allowed.includes(query.get(name)) ? query.get(name) : null);
  const [from, to] = [query.get("from"), query.get("to")].map((day) => (isDay(day) ? day : null)).sort();
  const tz = query.get("tz");
  return {
    range: from && to ? "custom" : one("range", ["24h", "7d", "30d", "all"]),
    from: from && to ? from : null,
    to: from && to ? to : null,
    tz: tz && isZone(tz) ? tz : null,
    unknownZone: tz && !isZone(tz) ? tz : null,
    zone: tz && isZone(tz) ? tz : browserZone,
    step: one("step", ["hour", "day"]),
    bars: one("bars", ["page_views", "events"]),
    by: one("by", ["item", "category"]) ?? "item",
  };
}

/** The query that `readState` reads as this state. */
export function writeState({ range, from, to, tz, step, bars, by }) {
  const query = new URLSearchParams();
  if (range === "custom") {
    query.set("from", from);
    query.set("to", to);
  } else if (range) query.set("range", range);
  if (tz) query.set("tz", tz);
  if (step) query.set("step", step);
  if (bars) query.set("bars", bars);
  if (by !== "item") query.set("by", by);
  const text = query.toString();
  return text ? `?${text}` : "";
}

/** The range shown when none was picked: the shortest that holds the newest event, so that old data is not an empty page. */
export function rangeFor(site, now) {
  const age = now - Date.parse(site.last_event ?? "");
  if (Number.isNaN(age) || age < DAY) return "24h";
  if (age < 6 * DAY) return "7d";
  return age < 29 * DAY ? "30d" : "all";
}

/**
 * What to ask the collector for: `from` and `to` (exclusive) as it reads them, the step, the days both included, and
 * whether the step can be chosen. Days go as days: their lengths in a time zone are the collector's to know.
 */
export function period(state, site, now) {
  const range = state.range ?? rangeFor(site, now);
  const today = dayOf(now, state.zone);
  if (range === "24h") {
    const { minute } = dates(state.zone).wall(new Date(now));
    const hour = Math.floor(now / 60_000) * 60_000 - minute * 60_000;
    const [from, to] = [hour - 23 * HOUR, hour + HOUR];
    return {
      range,
      from: new Date(from).toISOString(),
      to: new Date(to).toISOString(),
      first: dayOf(from, state.zone),
      last: today,
      step: "hour",
      steps: ["hour"],
    };
  }
  const [first, last] = days(range, state, site, today, now);
  const length = (Date.parse(last) - Date.parse(first)) / DAY + 1;
  const steps = length <= HOURLY_DAYS_AT_MOST ? (length > 1 ? ["hour", "day"] : ["hour"]) : ["day"];
  const usual = length <= HOURLY_DAYS ? "hour" : "day";
  const step = steps.includes(state.step) ? state.step : usual;
  return { range, from: first, to: dayAfter(last), first, last, step, steps };
}

/** The day, as YYYY-MM-DD, that a moment falls on in a time zone. */
export function dayOf(moment, zone) {
  const { year, month, day } = dates(zone).wall(new Date(moment));
  return `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
}

function days(range, state, site, today, now) {
  if (range === "7d") return [dayAfter(today, -6), today];
  if (range === "30d") return [dayAfter(today, -29), today];
  if (range === "custom") return [state.from, state.to];
  const ends = [site.first_event, site.last_event].map((time) => Date.parse(time ?? "") || now);
  return ends.map((time) => dayOf(time, state.zone));
}

function dayAfter(day, n = 1) {
  return new Date(Date.parse(day) + n * DAY).toISOString().slice(0, 10);
}

function isDay(text) {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text ?? "")) return false;
  const time = Date.parse(text);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}
