import { api } from "./api.js";
import { el } from "./dom.js";
import { funnel } from "./funnel.js";
import { footer, header, holdings } from "./header.js";
import { live } from "./live.js";
import { offers } from "./offers.js";
import { panel } from "./panel.js";
import { period, readState, writeState } from "./period.js";
import { products } from "./products.js";
import { segments } from "./segments.js";
import { setup } from "./setup.js";
import { signIn } from "./signin.js";
import { locale, text } from "./text.js";
import { traffic } from "./traffic.js";

/** The views of the page in their order. A new one is a file of its own and a line here. */
const VIEWS = [traffic, products, funnel, segments, offers];

// Reports are read again this often while somebody looks; the live block has its own stream.
const REFRESH_MS = 60_000;
const AWAY_RETRY_MS = 5_000;

const app = document.querySelector("#app");
let stop = () => {};

document.documentElement.lang = locale;
start();

async function start({ ended = false } = {}) {
  stop();
  stop = () => {};
  try {
    show(await api.site());
  } catch (problem) {
    if (problem.status === 401) showSignIn(ended);
    else showAway();
  }
}

function showSignIn(ended) {
  document.title = text.product;
  app.replaceChildren(signIn({ ended, onDone: () => start() }));
  app.querySelector("input").focus();
}

function showAway() {
  const retry = setTimeout(start, AWAY_RETRY_MS);
  const again = () => {
    clearTimeout(retry);
    start();
  };
  stop = () => clearTimeout(retry);
  const message = el(
    "div",
    { class: "panel empty trouble", role: "alert" },
    el("h1", {}, text.problem.away),
    el("p", {}, text.problem.awayDetail),
    el("button", { type: "button", on: { click: again } }, text.problem.retry),
  );
  app.replaceChildren(el("main", { class: "signin" }, message));
}

function show(found) {
  let site = found;
  let state = readState(location.search);
  let looking = false;
  const signedOut = () => start({ ended: true });
  const panels = VIEWS.map((view) => panel(view, signedOut));
  const top = el("div", { class: "bar" });
  const notice = el("p", { class: "notice", role: "status" });
  const body = el("div", { class: "grid" });
  const end = el("div");
  const rest = el("span");
  const stream = live({
    zone: () => state.zone,
    onEvent: () => site.events === 0 && look(),
    onRefused: () => look(),
  });
  const main = el("main", { id: "figures", tabindex: -1 }, notice, stream.element, body, end);

  /** Shows what the address asks for; `fresh` reads the reports again even where the same was asked before. */
  function render(fresh) {
    const now = Date.now();
    const asked = { site, state, period: period(state, site, now), now, change };
    const { range, first, last } = asked.period;
    document.title = text.title(String(site.site).slice(0, 80));
    redraw(top, [site.site, range, range === "custom" && [first, last]], () => header({ ...asked, onSignOut: leave }));
    redraw(end, [site.version, state.tz], () => footer(asked, rest));
    rest.textContent = holdings(site, state.zone);
    notice.textContent = state.unknownZone ? text.zoneUnknown(state.unknownZone.slice(0, 60), state.zone) : "";
    const shown = site.events === 0 ? [setup(site)] : panels.map(({ element }) => element);
    if (body.firstElementChild?.className !== shown[0].className) body.replaceChildren(...shown);
    if (site.events > 0) for (const one of panels) one.show(asked, fresh);
  }

  function change(wanted) {
    const next = writeState({ ...state, ...wanted });
    if (next !== location.search) history.pushState(null, "", next || location.pathname);
    turn();
  }

  function turn() {
    const { zone } = state;
    state = readState(location.search);
    // The times in the list of events are written once: they come anew with a new stream.
    if (zone !== state.zone) stream.reopen();
    render(false);
  }

  /** Asks what the site holds now, and shows it. One at a time: the stream may report a hundred events at once. */
  async function look() {
    if (looking) return;
    looking = true;
    try {
      site = await api.site();
      if (app.contains(main)) render(true);
    } catch (problem) {
      if (problem.status === 401 && app.contains(main)) signedOut();
    } finally {
      looking = false;
    }
  }

  async function leave() {
    try {
      await api.signOut();
    } catch {
      // The session may be over already; whether it is, the next answer says.
    }
    start();
  }

  const refresh = setInterval(() => !document.hidden && site.events > 0 && look(), REFRESH_MS);
  addEventListener("popstate", turn);
  stop = () => {
    stream.stop();
    clearInterval(refresh);
    removeEventListener("popstate", turn);
    for (const one of panels) one.stop();
  };

  const skip = el("a", { class: "skip", href: "#figures" }, text.skip);
  app.replaceChildren(skip, top, main);
  render(true);
}

// Drawn anew only when what it shows has changed (a date half typed in, a list held open would be lost every minute), and
// whoever stood on a control in it stays there.
function redraw(place, key, make) {
  const wanted = JSON.stringify(key);
  if (place.dataset.shows === wanted) return;
  place.dataset.shows = wanted;
  const { name, value } = place.contains(document.activeElement) ? document.activeElement : {};
  place.replaceChildren(make());
  if (!name) return;
  const same = [...place.querySelectorAll("input, select")].filter((one) => one.name === name);
  (same.find((one) => one.type !== "radio" || one.value === value) ?? same[0])?.focus({ preventScroll: true });
}
