import { timeTicks, valueTicks } from "./axis.js";
import { el, svg, write } from "./dom.js";
import { compact } from "./format.js";
import { text } from "./text.js";

const HEIGHT = 240;
const TOP = 12;
const BOTTOM = 26;
const RIGHT = 10;

// Bars thinner than this run into a grey; then one area says more.
const THINNEST_BAR = 3;
const LABEL_WIDTH = 64;

/**
 * Bars with a line over them, on one axis. `buckets` are `{ start, title, bar, line, open, values: [[name, value]] }`,
 * where `open` marks one that is not over yet. `pick(first, last)`, when given, is called with two indexes after a drag
 * over the chart, a click or Enter. The element keeps its own width and redraws itself when that changes.
 */
export function chart({ buckets, step, zone, label, place, pick }) {
  const picture = svg("svg", { class: "plot", height: HEIGHT, "aria-hidden": "true" });
  const readout = el("div", { class: "readout", role: "status" });
  readout.hidden = true;
  const element = el(
    "div",
    { class: `chart${pick ? " pickable" : ""}`, tabindex: 0, role: "group", "aria-label": label, "data-place": place },
    picture,
    readout,
  );
  const band = svg("rect", { class: "band", y: TOP, height: HEIGHT - TOP - BOTTOM });
  const dot = svg("circle", { class: "dot", r: 4 });
  let scale = null;
  let at = -1;
  let dragged = null;

  function draw(width) {
    const highest = Math.max(...buckets.map(({ bar, line }) => Math.max(bar, line)));
    const values = valueTicks(highest);
    const left = 14 + 7 * Math.max(...values.map((value) => compact(value).length));
    const slot = (width - left - RIGHT) / buckets.length;
    const top = values.at(-1);
    scale = {
      width,
      left,
      slot,
      x: (index) => left + slot * index,
      middle: (index) => left + slot * (index + 0.5),
      y: (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top),
    };
    picture.setAttribute("width", width);
    picture.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    picture.replaceChildren(
      ...grid(values, scale),
      ...times(buckets, step, zone, scale),
      band,
      ...marks(buckets, scale),
      dot,
    );
    show(at);
  }

  function show(index) {
    at = index;
    const bucket = buckets[index];
    element.classList.toggle("reading", Boolean(bucket));
    readout.hidden = !bucket;
    if (!bucket || !scale) return;
    const [first, last] = dragged === null ? [index, index] : [Math.min(dragged, index), Math.max(dragged, index)];
    set(band, { x: scale.x(first), width: scale.slot * (last - first + 1) });
    set(dot, { cx: scale.middle(index), cy: scale.y(bucket.line) });
    const title = first === last ? bucket.title : text.traffic.span(buckets[first].title, buckets[last].title);
    if (first === last) {
      readout.replaceChildren(
        el("p", {}, title),
        ...bucket.values.map(([name, value, kind]) =>
          el("p", { class: kind ?? "plain" }, el("span", {}, name), " ", el("b", {}, value)),
        ),
      );
    } else readout.replaceChildren(el("p", {}, title));
    const room = readout.offsetWidth;
    const beside = scale.middle(index) + 14;
    const x = beside + room > scale.width ? scale.middle(index) - 14 - room : beside;
    readout.style.transform = `translate(${Math.round(Math.max(0, x))}px, ${TOP}px)`;
  }

  const indexAt = (event) => {
    const x = event.clientX - picture.getBoundingClientRect().left - scale.left;
    return Math.max(0, Math.min(buckets.length - 1, Math.floor(x / scale.slot)));
  };

  element.addEventListener("pointermove", (event) => scale && show(indexAt(event)));
  // A lifted finger has left too, but what it asked for stays until it asks elsewhere.
  element.addEventListener(
    "pointerleave",
    ({ pointerType }) => pointerType !== "touch" && dragged === null && show(-1),
  );
  element.addEventListener("blur", () => show(-1));
  element.addEventListener("pointerdown", (event) => {
    if (scale) show(indexAt(event));
    // A finger that moves here wants to scroll or to read; only a mouse or pen selects.
    if (!pick || event.pointerType === "touch" || event.button !== 0) return;
    dragged = indexAt(event);
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointercancel", () => {
    dragged = null;
    show(-1);
  });
  element.addEventListener("pointerup", (event) => {
    if (dragged === null) return;
    const [first, last] = [dragged, indexAt(event)].sort((a, b) => a - b);
    dragged = null;
    pick(first, last);
  });
  element.addEventListener("keydown", (event) => {
    const start = at < 0 ? buckets.length : at;
    const to = {
      ArrowLeft: start - 1,
      ArrowRight: at + 1,
      PageUp: start - 10,
      PageDown: at + 10,
      Home: 0,
      End: buckets.length - 1,
    }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      show(Math.max(0, Math.min(buckets.length - 1, to)));
    } else if (event.key === "Escape") {
      dragged = null;
      show(-1);
    } else if (event.key === "Enter" && pick && at >= 0) pick(at, at);
  });

  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width > 0 && width !== scale?.width) draw(width);
  }).observe(element);
  return element;
}

/** Small bars without an axis, drawn once and then only moved: they change every second. */
export function sparkline(count, describe) {
  const bars = Array.from({ length: count }, (_, index) => {
    const title = svg("title");
    return { title, rect: svg("rect", { x: index * 10 + 1, width: 8, rx: 1 }, title) };
  });
  const element = svg(
    "svg",
    { class: "sparkline", viewBox: `0 0 ${count * 10} 100`, preserveAspectRatio: "none", role: "img" },
    ...bars.map(({ rect }) => rect),
  );
  return {
    element,
    update(values, label) {
      const highest = Math.max(1, ...values);
      bars.forEach(({ rect, title }, index) => {
        const value = Number(values[index]) || 0;
        const height = value > 0 ? Math.max(4, (value / highest) * 100) : 2;
        set(rect, { y: 100 - height, height, class: value > 0 ? "some" : "none" });
        write(title, describe(value, index));
      });
      set(element, { "aria-label": label });
    },
  };
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  }
}

function grid(values, { width, left, y }) {
  return values.flatMap((value) => [
    svg("line", { class: value === 0 ? "base" : "rule", x1: left, x2: width - RIGHT, y1: y(value), y2: y(value) }),
    svg("text", { class: "tick", x: left - 8, y: y(value) + 4, "text-anchor": "end" }, compact(value)),
  ]);
}

function times(buckets, step, zone, { width, slot, middle }) {
  const starts = buckets.map(({ start }) => start);
  const ticks = timeTicks(starts, step, zone, Math.ceil(LABEL_WIDTH / slot));
  return ticks
    .filter(({ index }) => middle(index) < width - LABEL_WIDTH / 3)
    .map(({ index, label }) =>
      svg("text", { class: "tick", x: middle(index), y: HEIGHT - 6, "text-anchor": "middle" }, label),
    );
}

function marks(buckets, scale) {
  const { slot } = scale;
  const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${round(x)} ${round(y)}`).join("");
  const over = buckets.map(({ line }, index) => [scale.middle(index), scale.y(line)]);
  // The last stretch of the line is dashed while its bucket fills: it is no fall in traffic.
  const open = buckets.findIndex((bucket) => bucket.open);
  const done = open < 0 ? over : over.slice(0, open);
  const dashed = open > 0 ? over.slice(open - 1, open + 1) : [];
  const lines = [
    svg("path", { class: "halo", d: path(over.slice(0, open < 0 ? over.length : open + 1)) }),
    svg("path", { class: "line", d: path(done) }),
    svg("path", { class: "line open", d: path(dashed) }),
  ];
  if (done.length === 1) lines.push(svg("circle", { class: "dot lone", cx: done[0][0], cy: done[0][1], r: 3 }));
  if (slot < THINNEST_BAR) {
    const edge = buckets.map(({ bar }, index) => [scale.middle(index), scale.y(bar)]);
    const ground = scale.y(0);
    const area = path([[edge[0][0], ground], ...edge, [edge.at(-1)[0], ground]]);
    return [svg("path", { class: "area", d: area }), svg("path", { class: "edge", d: path(edge) }), ...lines];
  }
  const gap = Math.min(6, slot * 0.22);
  const bars = (chosen) =>
    chosen
      .filter(([{ bar }]) => bar > 0)
      .map(([{ bar }, index]) => column(scale.x(index) + gap / 2, scale.y(bar), slot - gap, scale.y(0)))
      .join("");
  const entries = buckets.map((bucket, index) => [bucket, index]);
  return [
    svg("path", { class: "bar", d: bars(entries.filter(([bucket]) => !bucket.open)) }),
    svg("path", { class: "bar open", d: bars(entries.filter(([bucket]) => bucket.open)) }),
    ...lines,
  ];
}

function column(x, top, width, ground) {
  const high = Math.min(top, ground - 1);
  const r = Math.min(2, width / 2, ground - high);
  const [l, t, w, g] = [x, high, width, ground].map(round);
  return `M${l} ${g}V${round(t + r)}q0-${r} ${r}-${r}h${round(w - 2 * r)}q${r} 0 ${r} ${r}V${g}z`;
}

const round = (value) => Math.round(value * 100) / 100;
