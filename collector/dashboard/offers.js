import { api } from "./api.js";
import { el, foreign } from "./dom.js";
import { dates, number } from "./format.js";
import { empty } from "./panel.js";
import { json } from "./segments.js";
import { text } from "./text.js";

const words = text.offers;

/** The offers in the order in which they are tried: by priority, ties by id. */
export const offers = {
  id: "offers",
  title: () => words.title,
  query: () => null,
  load: (_, signal) => api.offers(signal),
  draw({ state, now }, found) {
    if (found.length === 0) return empty(words.empty);
    const tried = [...found].sort((a, b) => (b.priority ?? 0) - (a.priority ?? 0) || (a.id < b.id ? -1 : 1));
    return el("ul", { class: "entries" }, ...tried.map((offer) => entry(offer, dates(state.zone), now)));
  },
};

function entry(offer, write, now) {
  const stage = stageOf(offer, now);
  const fact = (label, value) => el("div", {}, el("dt", {}, label), el("dd", {}, value));
  const audience = offer.segments?.length
    ? offer.segments.flatMap((id, i) => [i ? ", " : null, foreign(id, 64)])
    : [text.segments.everyone];
  const limits = [
    offer.starts && words.starts(write.longMoment(new Date(offer.starts))),
    offer.ends && words.ends(write.longMoment(new Date(offer.ends))),
  ].filter(Boolean);
  return el(
    "li",
    {},
    el(
      "p",
      { class: "entry" },
      el("b", { class: "title" }, foreign(offer.id, 64)),
      el("span", { class: `badge ${stage}`, title: limits.join(", ") || null }, words.states[stage]),
      offer.private && el("span", { class: "badge" }, text.segments.private),
      limits.length > 0 && el("small", {}, limits.join(", ")),
    ),
    el(
      "dl",
      { class: "facts" },
      fact(words.slot, foreign(offer.slot, 64)),
      el("div", {}, el("dt", {}, words.segments), el("dd", {}, ...audience)),
      fact(words.priority, number(offer.priority)),
      fact(words.arms, number(offer.arms?.length || 1)),
    ),
    json(offer.content),
  );
}

function stageOf({ starts, ends }, now) {
  if (ends && Date.parse(ends) <= now) return "over";
  return starts && Date.parse(starts) > now ? "later" : "on";
}
