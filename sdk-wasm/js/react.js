"use client";
// Beckon for React: the instance by context, decisions by useSyncExternalStore, a slot that counts who saw its offer.
// On a server it renders what the server has decided (`bootstrap`), else the page's own content; the first render of
// the page is the same, so that React can take it over.
import { createContext, createElement, useContext, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { init } from "./beckon.js";

/** @typedef {import("./index.d.ts").Beckon} Beckon */
/** @typedef {import("./index.d.ts").Decision} Decision */

/** How long half of a slot must be in view to count as seen, in milliseconds: as for advertisements. */
const SEEN_AFTER = 1000;

/** @param {Element} element @param {() => void} call once, when it was seen @returns {() => void} what ends the wait */
const whenSeen = (element, call) => {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const wait = (/** @type {boolean} */ begin) => {
    if (!begin) timer = void clearTimeout(timer);
    else timer ??= setTimeout(seen, SEEN_AFTER);
  };
  const end = () => {
    wait(false);
    observer.disconnect();
  };
  const seen = () => {
    end();
    if (document.visibilityState === "visible") return call();
    // A hidden page is not drawn, so this is answered when it is back.
    observer.observe(element);
  };
  const observer = new IntersectionObserver(
    // Half of the slot, or of the window where the slot is larger.
    ([entry]) => wait(entry.intersectionRatio >= 0.5 || entry.intersectionRect.height >= innerHeight / 2),
    { threshold: [0, 0.25, 0.5, 0.75, 1] },
  );
  observer.observe(element);
  return end;
};

/** @param {string} slot @returns {Decision} what is shown where nothing is known */
const undecided = (slot) => ({
  slot,
  offer: null,
  content: null,
  arm: null,
  source: "fallback",
  reason: "none",
  why: [],
});

const nothing = () => {};
/**
 * Stands in on a server, and where no provider is above, as in the test of a single component: no page breaks for want
 * of Beckon.
 * @type {Beckon}
 */
const absent = {
  track: nothing,
  page: nothing,
  identify: nothing,
  reset: nothing,
  consent: nothing,
  decide: (slot, { fallback } = {}) => ({ ...undecided(slot), content: /** @type {any} */ (fallback ?? null) }),
  onDecision: () => nothing,
  recommend: async () => ({ items: [], source: "fallback" }),
  segments: () => [],
  matches: () => false,
  flush: async () => {},
  debug: nothing,
  inspect: () => ({
    consent: "denied",
    facts: {},
    segments: [],
    queue: 0,
    sent: 0,
    last: [],
    decisions: {},
    tier: 0,
  }),
  on: () => nothing,
};

/** @type {import("react").Context<{ beckon: Beckon, bootstrap?: import("./index.d.ts").Options["bootstrap"] }>} */
const Context = createContext({ beckon: absent });

/** @type {typeof import("./react.d.ts").BeckonProvider} */
export const BeckonProvider = ({ options, instance, children }) => {
  // Already while rendering, since the effects of children, which may track, run before those of their parents. The
  // same key gives the same instance, so to render twice starts nothing twice.
  // On a server nothing is made that would outlive the request whose visitor it is about.
  const beckon = instance ?? (options && globalThis.document ? init(options) : absent);
  // biome-ignore lint/correctness/useExhaustiveDependencies: as in init(), the options that came first count; they are a new object in each render
  const value = useMemo(() => ({ beckon, bootstrap: options?.bootstrap }), [beckon]);
  return createElement(Context.Provider, { value }, children);
};

/** @type {typeof import("./react.d.ts").useBeckon} */
export const useBeckon = () => useContext(Context).beckon;

/** @type {typeof import("./react.d.ts").useDecision} */
export const useDecision = (slot, { fallback = null, follow = false } = {}) => {
  const { beckon, bootstrap } = useContext(Context);
  const store = useMemo(() => {
    const given = bootstrap?.decisions?.[slot];
    /** @type {Decision} what the server has painted, the same in each render of it */
    const inlined = given ? { ...undecided(slot), ...given, source: "bootstrap" } : undecided(slot);
    /** @type {Decision | undefined} */
    let painted;
    return {
      /** @param {() => void} changed */
      subscribe: (changed) =>
        beckon.onDecision(slot, () => {
          // What was painted stays, unless it was the page's own content or the page asks for the newest.
          if (painted && painted.source !== "fallback" && !follow) return;
          painted = beckon.decide(slot);
          changed();
        }),
      read: () => (painted ??= beckon.decide(slot)),
      inlined: () => {
        // In the page this is called only where the server's render is taken over: then it has been painted.
        if (given) painted ??= inlined;
        return inlined;
      },
    };
  }, [beckon, bootstrap, slot, follow]);
  const decision = useSyncExternalStore(store.subscribe, store.read, store.inlined);
  return useMemo(() => ({ ...decision, content: decision.content ?? fallback }), [decision, fallback]);
};

/** @type {typeof import("./react.d.ts").Slot} */
export const Slot = ({ id, fallback, follow, as = "div", children, ...attributes }) => {
  const beckon = useBeckon();
  const decision = useDecision(id, { fallback, follow });
  const element = useRef(/** @type {Element | null} */ (null));
  const told = useRef(new Set());
  const { offer, arm } = decision;
  /** Once an offer, however often React mounts the slot. @param {"view_promotion" | "select_promotion"} name */
  const tell = (name) => {
    const once = [name, offer, arm].join();
    // The shop's own content is no promotion.
    if (!offer || told.current.has(once)) return;
    told.current.add(once);
    const { decision_id, propensity } = decision;
    const promotion = { promotion_id: offer, creative_slot: id, creative_name: arm };
    beckon.track(name, { ...promotion, props: { decision_id, propensity } });
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new object for the same offer must not begin to wait anew
  useEffect(() => {
    if (offer && element.current) return whenSeen(element.current, () => tell("view_promotion"));
  }, [beckon, id, offer, arm]);
  /** @param {{ target: Element }} event */
  const onClickCapture = ({ target }) => {
    if (target.closest("a, button")) tell("select_promotion");
  };
  return createElement(as, { ...attributes, ref: element, onClickCapture }, children(decision));
};
