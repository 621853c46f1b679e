/**
 * "Behind the page": the way from an event to an offer, live, as Beckon itself sees it. It only reads beckon.inspect();
 * the shop's own set-up adds the conditions and the order of the offers.
 */
import { startOver } from "./account.js";
import { html, markup, show } from "./markup.js";
import { beckon } from "./measure.js";
import { OFFERS, OWN_HERO, SEGMENTS } from "./offers.js";
import { scene } from "./scenes.js";
import { price } from "./words.js";

const WIDE = matchMedia("(min-width: 1100px)");
const SAVED = "tarn-and-tinder.drawer";

const SIGNS = { $gte: "≥", $gt: ">", $lte: "≤", $lt: "<", $eq: "=", $ne: "≠" };
const HOLDS = {
  $gte: (fact, wanted) => fact >= wanted,
  $gt: (fact, wanted) => fact > wanted,
  $lte: (fact, wanted) => fact <= wanted,
  $lt: (fact, wanted) => fact < wanted,
  $eq: (fact, wanted) => fact === wanted,
  $ne: (fact, wanted) => fact !== wanted,
};

const SOURCES = {
  local: "decided in this page",
  cached: "remembered",
  bootstrap: "came with the page",
  fallback: "nothing known yet",
};

/** The codes of decisions in words. */
const REASONS = {
  segment: (id) => `you are in ${id}`,
  everyone: () => "it is for everyone",
  kept_arm: () => "the same arm as before",
  holdout: () => "you are held out, so that the effect of offers can be measured",
  no_offer: () => "no offer fits",
  consent: () => "without consent nothing is decided",
  not_ready: () => "the engine is still loading",
};

/** What became of an offer that was tried. */
const OUTCOMES = {
  chosen: "shown",
  lower_priority: "fits too",
  not_in_segment: "not you",
  not_started: "not yet",
  ended: "over",
  sold_out: "sold out",
  already_bought: "bought",
  capped_visitor: "seen often",
  capped_session: "seen often",
};

/** The facts that matter to a shop come first; the same counts over longer times come last. */
const ORDER = [
  "cart.",
  "visits",
  "top_category",
  "sum",
  "session.",
  "n_1d.",
  "user.",
  "trait.",
  "n.",
  "first_seen",
  "last.",
  "n_7d.",
  "n_30d.",
];

/** Draws the drawer and keeps it right. `go` leads to a page of the shop. */
export function startDrawer({ go }) {
  const drawer = document.querySelector("#drawer");
  const toggle = document.querySelector("#drawer-toggle");
  show(drawer, SKELETON);
  const part = (name) => drawer.querySelector(`[data-part="${name}"]`);
  const before = { events: new Set(), facts: new Map(), first: true };

  const update = () => {
    if (!isOpen()) return;
    const seen = beckon.inspect();
    show(part("captured"), captured(seen, before));
    show(part("facts"), facts(seen, before));
    show(part("segments"), segments(seen));
    show(part("offer"), offer(seen));
    show(part("queue"), queue(seen));
    part("captured-count").textContent = seen.last.length;
    part("facts-count").textContent = Object.keys(seen.facts).length;
    part("segments-count").textContent = seen.segments.length;
    before.events = new Set(seen.last.map((event) => event.id));
    before.facts = new Map(Object.entries(seen.facts));
    before.first = false;
  };

  const isOpen = () => (document.documentElement.dataset.drawer ?? (WIDE.matches ? "open" : "closed")) === "open";
  const set = (open) => {
    document.documentElement.dataset.drawer = open ? "open" : "closed";
    toggle.setAttribute("aria-expanded", String(open));
    update();
  };
  const choose = (open) => {
    set(open);
    if (WIDE.matches) remember(open);
    (open ? drawer.querySelector("[data-close]") : toggle).focus();
  };

  set(WIDE.matches && remembered());
  WIDE.addEventListener("change", () => set(WIDE.matches && remembered()));
  toggle.addEventListener("click", () => choose(!isOpen()));
  drawer.addEventListener("keydown", (event) => {
    if (event.key === "Escape") choose(false);
  });
  drawer.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) choose(false);
    if (event.target.closest("[data-start-over]")) {
      startOver();
      go("/");
    }
    if (event.target.closest("[data-come-back]")) {
      // A new campaign begins a new session, so this is a second visit without waiting for half an hour of silence.
      const visit = (beckon.inspect().facts.visits ?? 1) + 1;
      location.assign(`/?utm_source=letter&utm_medium=email&utm_campaign=visit-${visit}`);
    }
  });

  beckon.on("change", update);
  // Keeps the decision fresh on pages that have no hero.
  beckon.onDecision("hero", update);
}

const SKELETON = html`<header class="drawer-head">
    <div>
      <h2>Behind the page</h2>
      <p>Events become facts, facts segments, and segments the offer.</p>
    </div>
    <button class="drawer-close" type="button" data-close aria-label="Close the drawer">✕</button>
  </header>
  <ol class="steps">
    <li class="step step-captured">
      <h3>Captured <b data-part="captured-count">0</b></h3>
      <ul class="step-body events" data-part="captured" tabindex="0" aria-label="Captured events, newest first"></ul>
    </li>
    <li class="step step-facts">
      <h3>Facts <b data-part="facts-count">0</b></h3>
      <div class="step-body" data-part="facts" tabindex="0" role="region" aria-label="Facts about this visitor"></div>
    </li>
    <li class="step step-segments">
      <h3>Segments <b data-part="segments-count">0</b></h3>
      <ul class="step-body segments" data-part="segments"></ul>
    </li>
    <li class="step step-offer">
      <h3>Offer</h3>
      <div class="step-body" data-part="offer"></div>
    </li>
  </ol>
  <footer class="drawer-foot">
    <div data-part="queue"></div>
    <div class="drawer-acts">
      <button type="button" data-come-back>Come back another day</button>
      <button type="button" data-start-over>Start as somebody new</button>
    </div>
  </footer>`;

function captured({ last }, before) {
  if (last.length === 0) return html`<li class="nothing">Nothing yet.</li>`;
  return last.map(
    (event) => html`<li class="${!before.first && !before.events.has(event.id) ? "is-new" : ""}">
      <time>${new Date(event.at).toLocaleTimeString("en-GB")}</time>
      <span class="event-name">${event.name}</span>
      <span class="event-about">${about(event)}</span>
      <span class="status status-${event.status}">${event.status}</span>
    </li>`,
  );
}

/** What an event was about: its page, its offer, its one item or how many, and the money. */
function about({ name, page, promotion_id, props, items, value, currency }) {
  if (name === "page_view") return new URL(page.url).pathname;
  const offer = promotion_id ?? props?.promotion_id;
  if (offer) return offer;
  const what = items?.length > 1 ? `${items.length} items` : (items?.[0]?.item_name ?? items?.[0]?.item_id);
  const money = currency === "EUR" && typeof value === "number" ? price(value) : "";
  return [what, money].filter(Boolean).join(" · ");
}

function facts({ facts }, before) {
  const asked = new Set(SEGMENTS.flatMap(({ condition }) => Object.keys(condition)));
  const rank = (name) => {
    if (asked.has(name)) return -1;
    const place = ORDER.findIndex((start) => name.startsWith(start));
    return place < 0 ? ORDER.length : place;
  };
  const names = Object.keys(facts);
  if (names.length === 0) return html`<p class="nothing">They appear as soon as the engine has loaded.</p>`;
  // A count that is absent reads 0, and a condition may ask for just that.
  for (const name of asked) if (!(name in facts)) names.push(name);
  names.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  return html`<table>
    <thead class="hidden"><tr><th scope="col">Fact</th><th scope="col">Value</th></tr></thead>
    <tbody>${names.map((name) => {
      const changed = !before.first && before.facts.get(name) !== facts[name] && !name.endsWith("age_s");
      return html`<tr class="${changed ? "is-new" : ""} ${asked.has(name) ? "is-asked" : ""}"><th scope="row">${name}</th><td>${factText(name, read(facts, name))}</td></tr>`;
    })}</tbody>
  </table>`;
}

function factText(name, value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (!name.endsWith("age_s")) return String(Math.round(value * 100) / 100);
  if (value < 120) return `${Math.round(value)} s`;
  if (value < 7200) return `${Math.round(value / 60)} min`;
  return `${Math.round(value / 3600)} h`;
}

function segments({ segments, facts }) {
  const known = SEGMENTS.map(({ id, condition }) => {
    const inside = segments.includes(id);
    const terms = Object.entries(condition).map(([name, wanted]) => term(name, wanted, facts));
    return html`<li class="segment ${inside ? "is-in" : ""}">
      <span class="segment-name">${id}</span>
      <span class="segment-state">${inside ? "you are in it" : "not yet"}</span>
      <span class="terms">${terms}</span>
    </li>`;
  });
  // Segments that somebody has added in the dashboard since.
  const others = segments
    .filter((id) => !SEGMENTS.some((segment) => segment.id === id))
    .map(
      (id) =>
        html`<li class="segment is-in"><span class="segment-name">${id}</span><span class="segment-state">you are in it</span></li>`,
    );
  return [...known, ...others];
}

function term(name, wanted, facts) {
  const [sign, limit] = typeof wanted === "object" && wanted !== null ? Object.entries(wanted)[0] : ["$eq", wanted];
  const fact = read(facts, name);
  const holds = HOLDS[sign]?.(fact, limit);
  return html`<span class="term ${holds ? "is-true" : ""}"><i aria-hidden="true">${holds ? "✓" : "✗"}</i> ${name} ${SIGNS[sign] ?? sign} ${String(limit)}<em>${fact ?? "–"}</em></span>`;
}

/** Absent counts and sums read 0; anything else that is absent is null. */
const read = (facts, name) => facts[name] ?? (/^(n|n_\d+d|sum|sum_\d+d)\./.test(name) ? 0 : null);

function offer({ decisions }) {
  const decision = decisions.hero;
  if (!decision) return html`<p class="nothing">Decided as soon as the engine has loaded.</p>`;
  const content = decision.content ?? OWN_HERO;
  return html`<div class="offer">
      <div class="offer-picture">${markup(scene(content.theme))}<strong>${content.title}</strong></div>
      <p class="offer-why">
        <span class="offer-id">${decision.offer ?? "own content"}</span>
        ${decision.arm ? html`<span class="offer-arm">arm ${decision.arm}</span>` : ""}
        <span>${SOURCES[decision.source] ?? decision.source}</span>
      </p>
      <p class="reasons">${reasons(decision)}</p>
    </div>
    <ol class="ladder" aria-label="The offers of this slot, highest priority first">${(decision.debug ?? []).map((tried) => rung(tried, decision))}</ol>`;
}

/** Why this offer, in a sentence. */
function reasons({ why, reason, debug = [] }) {
  const fitting = debug.filter(({ code }) => code === "chosen" || code === "lower_priority").length;
  const parts = why.map(({ code, id, text }) => text ?? REASONS[code]?.(id) ?? [code, id].filter(Boolean).join(" "));
  if (parts.length === 0) parts.push(REASONS[reason]?.() ?? reason);
  if (fitting > 1) parts.push(`highest priority of the ${fitting} that fit`);
  const sentence = parts.join("; ");
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`;
}

/** An offer that was tried, and what became of it. Those added in the dashboard since have no priority to show here. */
function rung({ offer, code }, decision) {
  const known = OFFERS.find(({ id }) => id === offer);
  const chosen = code === "chosen";
  const held = chosen && decision.arm === "holdout";
  return html`<li class="${chosen ? "is-chosen" : code === "lower_priority" ? "is-open" : ""}">
    <b>${known?.priority}</b><span>${offer}</span><em>${known && (known.segments.join(", ") || "everyone")}</em><i>${held ? "held back" : (OUTCOMES[code] ?? code)}</i>
  </li>`;
}

const queue = ({ queue, sent, tier, visitor }) => html`<dl class="queue">
  <div><dt>waiting</dt><dd>${queue}</dd></div>
  <div><dt>sent</dt><dd>${sent}</dd></div>
  <div><dt>engine</dt><dd>${tier === 1 ? "Wasm" : "loading"}</dd></div>
  <div><dt>visitor</dt><dd>${visitor ? visitor.slice(-8) : "none"}</dd></div>
</dl>`;

function remembered() {
  try {
    return localStorage.getItem(SAVED) !== "closed";
  } catch {
    return true;
  }
}

function remember(open) {
  try {
    localStorage.setItem(SAVED, open ? "open" : "closed");
  } catch {
    // Without storage the drawer opens as usual next time.
  }
}
