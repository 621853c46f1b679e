import { dates } from "./format.js";

/** Round values from 0 to at least `highest`, about `count` steps, whole numbers only: half a visitor is none. */
export function valueTicks(highest, count = 4) {
  const rough = Math.max(highest, 1) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(
    1,
    [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= rough && n % 1 === 0) ?? Math.ceil(rough),
  );
  const ticks = [];
  for (let value = 0; value < highest + step; value += step) ticks.push(value);
  return ticks.length > 1 ? ticks : [0, step];
}

const HOURS = [1, 2, 3, 4, 6, 8, 12, 24, 48, 96, 168];
const DAYS = [1, 2, 4, 7, 14];
const MONTHS = [1, 2, 3, 6, 12, 24, 60, 120, 240];

/**
 * Which buckets of a time axis get a label, `apart` or more buckets from one another and on marks that people expect:
 * every third hour, midnight, Monday, the first of a month.
 */
export function timeTicks(starts, step, zone, apart) {
  const write = dates(zone);
  const wall = starts.map((start) => write.wall(start));
  const pick = (choices) => choices.find((n) => n >= apart);
  if (step === "hour") {
    const every = pick(HOURS) ?? 168;
    const midnights = every >= 24;
    let day = -1;
    return select(starts, (start, i) => {
      const { hour, minute } = wall[i];
      if (minute !== 0) return null;
      if (hour === 0) day += 1;
      if (midnights) return hour === 0 && day % (every / 24) === 0 ? write.day(start) : null;
      if (hour % every !== 0) return null;
      return hour === 0 ? write.day(start) : write.hour(start);
    });
  }
  const every = pick(DAYS);
  if (every && every < 7) return select(starts, (start, i) => (i % every === 0 ? write.day(start) : null));
  if (every) {
    const monday = wall.findIndex(({ weekday }) => weekday === "Mon");
    return select(starts, (start, i) => (i >= monday && (i - monday) % every === 0 ? write.day(start) : null));
  }
  const months = MONTHS.find((n) => n * 30 >= apart) ?? 240;
  return select(starts, (start, i) => {
    const { year, month, day } = wall[i];
    if (day !== 1 || (year * 12 + month - 1) % months !== 0) return null;
    return month === 1 ? write.year(start) : write.month(start);
  });
}

function select(starts, labelOf) {
  return starts.map((start, index) => ({ index, label: labelOf(start, index) })).filter(({ label }) => label !== null);
}
