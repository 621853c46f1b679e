import { api } from "./api.js";
import { sparkline } from "./chart.js";
import { el, foreign, write } from "./dom.js";
import { dates, money, number } from "./format.js";
import { text } from "./text.js";

const words = text.live;
const MINUTES = 30;
const ROWS = 50;

// Nobody reads faster than this; between two paints of the list the events are only kept, not even parsed.
const PAINT_EVERY_MS = 200;

// The collector writes every second: a silence this long is a dead connection that the browser has not noticed.
const SILENCE_MS = 15_000;
const RETRY_MS = [1_000, 2_000, 5_000, 10_000, 30_000];

// A tab in the background holds one of the browser's six connections to the collector: it gives it back after this.
const HIDDEN_MS = 60_000;

/**
 * What happens at this moment. `zone()` is the time zone to write times in. `onEvent` is called when events have come in,
 * `onRefused` when the collector closes the door: only the page knows whether that is a session that ended.
 */
export function live({ zone, onEvent, onRefused }) {
  const counts = { now: el("b", {}, "–"), visitors: el("b", {}, "–"), events: el("b", {}, "–") };
  const perMinute = sparkline(MINUTES, (value, index) => words.minute(number(value), number(MINUTES - 1 - index)));
  const rows = el("ol", { class: "rows" });
  const nothing = el("p", { class: "empty" }, words.feedEmpty);
  const status = el("span", { class: "status", role: "status" });
  const pause = el("button", { type: "button", class: "quiet", "aria-pressed": "false" }, words.pause);
  const heading = el("h2", { id: "live-title" }, words.title);
  const element = el(
    "section",
    { class: "panel live wide", "aria-labelledby": heading.id },
    el(
      "div",
      { class: "pulse" },
      el("div", { class: "top" }, heading, status),
      el("p", { class: "now" }, counts.now, el("span", {}, words.now), el("small", {}, words.nowHint)),
      el(
        "div",
        { class: "half" },
        el("p", {}, counts.visitors, el("span", {}, words.visitors)),
        el("p", {}, counts.events, el("span", {}, words.events)),
        el("small", {}, words.half),
      ),
      el("h3", {}, words.minutes),
      perMinute.element,
      el("p", { class: "ends", "aria-hidden": "true" }, el("span", {}, words.ago), el("span", {}, words.present)),
    ),
    el(
      "div",
      { class: "feed" },
      el("div", { class: "top" }, el("h3", { id: "feed-title" }, words.feed), pause),
      el("div", { class: "scroll", tabindex: 0, role: "region", "aria-labelledby": "feed-title" }, nothing, rows),
    ),
  );

  let source = null;
  let tries = 0;
  let heard = 0;
  let retry = 0;
  let hidden = 0;
  let frame = 0;
  let painted = 0;
  let paused = false;
  let totals = null;
  let renew = null;
  let waiting = [];

  function open() {
    close();
    say("connecting");
    heard = performance.now();
    source = api.live();
    source.addEventListener("snapshot", ({ data }) => {
      tries = 0;
      say("on");
      const snapshot = parse(data);
      if (!snapshot) return;
      totals = snapshot;
      renew = Array.isArray(snapshot.recent) ? snapshot.recent : [];
      waiting = [];
      come();
    });
    source.addEventListener("totals", ({ data }) => {
      totals = parse(data) ?? totals;
      come();
    });
    source.addEventListener("event", ({ data }) => {
      waiting.push(data);
      if (waiting.length > 2 * ROWS) waiting = waiting.slice(-ROWS);
      come();
    });
    source.onerror = () => {
      say("lost");
      // While it is connecting the browser tries by itself; closed means that the answer was no stream.
      if (source.readyState !== EventSource.CLOSED) return;
      onRefused();
      later();
    };
  }

  function later() {
    close();
    say("lost");
    retry = setTimeout(open, RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
    tries += 1;
  }

  function close() {
    clearTimeout(retry);
    source?.close();
    source = null;
  }

  function come() {
    heard = performance.now();
    if (!frame) frame = requestAnimationFrame(paint);
  }

  function paint(time) {
    frame = 0;
    if (totals) {
      const { visitors_5m, visitors_30m, events_30m, per_minute } = totals;
      write(counts.now, number(visitors_5m));
      write(counts.visitors, number(visitors_30m));
      write(counts.events, number(events_30m));
      const values = Array.isArray(per_minute) ? per_minute.slice(-MINUTES) : [];
      perMinute.update(values, words.minutesLabel(number(Math.max(0, ...values)), number(values.at(-1))));
      totals = null;
    }
    if (paused || (!renew && waiting.length === 0)) return;
    if (time - painted < PAINT_EVERY_MS) {
      frame = requestAnimationFrame(paint);
      return;
    }
    painted = time;
    const fresh = waiting.slice(-ROWS).map(parse).filter(Boolean).reverse();
    const all = renew ? [...fresh, ...renew].slice(0, ROWS) : fresh;
    // Motion tells one new row from the others; with many of them it would only flicker.
    const moving = !renew && fresh.length <= 3;
    const made = all.map((event) => row(event, dates(zone()), moving));
    if (renew) rows.replaceChildren(...made);
    else rows.prepend(...made);
    while (rows.childElementCount > ROWS) rows.lastElementChild.remove();
    renew = null;
    waiting = [];
    nothing.hidden = rows.childElementCount > 0;
    if (made.length > 0) onEvent();
  }

  function say(key) {
    status.dataset.state = key;
    write(status, words.status[key]);
  }

  const watch = setInterval(() => {
    if (source && performance.now() - heard > SILENCE_MS) later();
  }, 5_000);

  const onVisibility = () => {
    clearTimeout(hidden);
    if (document.hidden) hidden = setTimeout(close, HIDDEN_MS);
    else if (!source) open();
  };
  document.addEventListener("visibilitychange", onVisibility);

  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    write(pause, paused ? words.resume : words.pause);
    element.classList.toggle("paused", paused);
    come();
  });

  open();
  return {
    element,
    reopen: open,
    stop() {
      close();
      clearInterval(watch);
      clearTimeout(hidden);
      cancelAnimationFrame(frame);
      document.removeEventListener("visibilitychange", onVisibility);
    },
  };
}

function row(event, write, moving) {
  const known = typeof event.name === "string" && Object.hasOwn(text.events, event.name);
  const what = event.item ?? event.path;
  return el(
    "li",
    { class: moving ? "new" : null },
    el("time", {}, write.clock(new Date(event.at))),
    el("span", { class: `name ${kindOf(event.name)}` }, known ? text.events[event.name] : foreign(event.name, 40)),
    el("span", { class: "what" }, what === null || what === undefined ? "" : foreign(what)),
    el("span", { class: "value" }, event.value > 0 ? money(event.value, event.currency) : ""),
    el("span", { class: "visitor" }, foreign(event.visitor, 8)),
  );
}

const KINDS = { add_to_cart: "warm", begin_checkout: "warm", add_to_wishlist: "warm", purchase: "hot" };

function kindOf(name) {
  return Object.hasOwn(KINDS, name) ? KINDS[name] : "cool";
}

function parse(data) {
  try {
    const value = JSON.parse(data);
    return value && typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}
