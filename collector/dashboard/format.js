import { locale } from "./text.js";

// Where the texts are English and the browser is German, the texts' language decides on words, but 24 hours stay 24.
const { hourCycle } = new Intl.DateTimeFormat(navigator.language, { hour: "numeric" }).resolvedOptions();

const whole = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });
const percent = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1 });

export const number = (value) => whole.format(Number(value) || 0);
export const compact = (value) => short.format(Number(value) || 0);
export const share = (value) => percent.format(Number(value) || 0);

const moneys = new Map();

/** An amount in its currency; a unit that is no currency code (it may be anything) leaves the bare number. */
export function money(value, currency, digits = 2) {
  const known = /^[A-Z]{3}$/.test(currency ?? "") ? currency : "";
  const key = `${known}${digits}`;
  if (!moneys.has(key)) {
    const style = known ? { style: "currency", currency: known } : {};
    moneys.set(
      key,
      new Intl.NumberFormat(locale, { ...style, maximumFractionDigits: digits, minimumFractionDigits: digits }),
    );
  }
  return moneys.get(key).format(Number(value) || 0);
}

const zones = new Map();

/** The ways to write a moment in one time zone. */
export function dates(zone) {
  if (!zones.has(zone)) zones.set(zone, datesIn(zone));
  return zones.get(zone);
}

export function isZone(zone) {
  try {
    new Intl.DateTimeFormat(locale, { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

export const browserZone = new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

function datesIn(zone) {
  const make = (options) => {
    const format = new Intl.DateTimeFormat(locale, { timeZone: zone, ...(options.hour && { hourCycle }), ...options });
    return (date) => (Number.isNaN(date.getTime()) ? "–" : format.format(date));
  };
  const hour = { hour: hourCycle === "h12" ? "numeric" : "2-digit", minute: "2-digit" };
  const day = { day: "numeric", month: "short" };
  const parts = new Intl.DateTimeFormat("en-u-ca-gregory-nu-latn", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    weekday: "short",
  });
  return {
    clock: make({ ...hour, second: "2-digit" }),
    hour: make(hour),
    day: make(day),
    month: make({ month: "short" }),
    year: make({ year: "numeric" }),
    longDay: make({ ...day, weekday: "short", year: "numeric" }),
    moment: make({ ...day, ...hour, weekday: "short" }),
    longMoment: make({ ...day, ...hour, year: "numeric" }),
    /** The numbers on the wall there: { year, month, day, hour, minute, weekday }. */
    wall(date) {
      const found = {};
      for (const { type, value } of parts.formatToParts(date)) found[type] = type === "weekday" ? value : Number(value);
      return found;
    },
  };
}
