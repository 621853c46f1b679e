import { api } from "./api.js";
import { el, foreign, plain } from "./dom.js";
import { empty } from "./panel.js";
import { text } from "./text.js";

const words = text.segments;

/** The segments with their conditions, to read. */
export const segments = {
  id: "segments",
  title: () => words.title,
  query: () => null,
  load: (_, signal) => api.segments(signal),
  draw(_, found) {
    if (found.length === 0) return empty(words.empty);
    return el("ul", { class: "entries" }, ...found.map(entry));
  },
};

function entry({ id, name, condition, private: secret }) {
  return el(
    "li",
    {},
    el(
      "p",
      { class: "entry" },
      el("b", { class: "title" }, foreign(name || id)),
      el("code", { class: "id" }, foreign(id, 64)),
      secret && el("span", { class: "badge" }, words.private),
    ),
    json(condition),
  );
}

/** A document as its owner wrote it, on one line that wraps. */
export function json(document) {
  const whole = JSON.stringify(document ?? null, null, 1) ?? "null";
  const line = plain(whole.replace(/\n\s*/g, " "), 4000);
  return el("pre", { class: "json", tabindex: line.length > 400 ? 0 : null }, el("code", {}, line));
}
