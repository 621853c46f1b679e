import { Problem } from "./api.js";
import { el, foreign } from "./dom.js";
import { text } from "./text.js";

// A quick answer should not make the page flicker: what is shown is dimmed only when the next takes longer than this.
const PATIENCE_MS = 250;

/**
 * The frame of a view: title, controls and the states loading, empty and error. A view is
 * `{ id, wide, title(asked), query(asked), load(query, signal), tools(asked, data), draw(asked, data) }`, where `asked` is
 * what the page is asked to show (state, period, site, now, and `change` to ask for something else). It is loaded again
 * when its query differs or on `fresh`; everything else is drawn from what is there.
 */
export function panel(view, onSignedOut) {
  const heading = el("h2", { id: `${view.id}-title` });
  const tools = el("div", { class: "tools" });
  const body = el("div", { class: "body" }, skeleton());
  const element = el(
    "section",
    { class: `panel ${view.id}${view.wide ? " wide" : ""}`, "aria-labelledby": heading.id, "aria-busy": "true" },
    el("div", { class: "top" }, heading, tools),
    body,
  );
  let running = null;
  let last = { key: null, data: null };

  async function show(asked, fresh = false) {
    const query = view.query(asked);
    const key = JSON.stringify(query);
    heading.textContent = view.title(asked);
    running?.abort();
    if (!fresh && key === last.key) return draw(asked, last.data);
    running = new AbortController();
    const { signal } = running;
    element.setAttribute("aria-busy", "true");
    const dim = setTimeout(() => element.classList.add("late"), PATIENCE_MS);
    try {
      const data = await view.load(query, signal);
      if (signal.aborted) return;
      last = { key, data };
      draw(asked, data);
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 401) return onSignedOut();
      last = { key: null, data: null };
      body.replaceChildren(trouble(error, () => show(asked, true)));
      settle();
    } finally {
      clearTimeout(dim);
    }
  }

  function draw(asked, data) {
    const drawn = [view.draw(asked, data)].flat();
    const controls = view.tools?.(asked, data) ?? [];
    keepFocus(element, () => {
      tools.replaceChildren(...controls);
      body.replaceChildren(...drawn, ...notes(data));
    });
    settle();
  }

  function settle() {
    element.classList.remove("late");
    element.setAttribute("aria-busy", "false");
  }

  return { element, show, stop: () => running?.abort() };
}

/** Says what is not there, and what to do about it. */
export function empty(message, ...more) {
  return el("div", { class: "empty" }, el("p", {}, message), ...more);
}

/** Says what went wrong, with a way to try again. Errors of our own are shown too: a blank page helps nobody. */
export function trouble(error, retry) {
  return el(
    "div",
    { class: "empty trouble", role: "alert" },
    el("p", { class: "strong" }, text.problem.title),
    el("p", {}, explain(error)),
    error.requestId && el("p", { class: "small" }, text.problem.request(error.requestId)),
    el("button", { type: "button", on: { click: retry } }, text.problem.retry),
  );
}

/** The sentence for an error: ours where its code is known, else the collector's own. */
export function explain(error) {
  const known = error instanceof Problem && Object.hasOwn(text.problem.codes, error.code);
  return known ? text.problem.codes[error.code] : error.message;
}

function notes(data) {
  return (data?.notes ?? []).map((note) => el("p", { class: "note" }, foreign(note, 400)));
}

function skeleton() {
  return el("div", { class: "skeleton", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
}

// A refresh every minute must not throw a keyboard user out of the control or the chart they are on.
function keepFocus(element, redraw) {
  const active = element.contains(document.activeElement) ? document.activeElement : null;
  const place = active?.dataset.place ?? (active?.name && `${active.name}=${active.value}`);
  redraw();
  if (!place || document.activeElement === active) return;
  const placed = [...element.querySelectorAll("[data-place], input")];
  placed
    .find((one) => one.dataset.place === place || `${one.name}=${one.value}` === place)
    ?.focus({ preventScroll: true });
}
