// Tier 1 of Beckon: what the engine needs around it in the page. Tier 0 loads it when the page is idle and calls it
// through ask(), which catches whatever is thrown here; storage, ids and the queue are tier 0's.
import { start as watch } from "./capture.js";
import * as engine from "./engine.js";

const LOG = 50;

/** @typedef {import("./index.d.ts").Decision} Decision */
/** @typedef {import("./index.d.ts").LoggedEvent} LoggedEvent */

/**
 * @typedef {object} Tier0
 * @property {import("./index.d.ts").Options} options
 * @property {(name: string) => string | undefined} load
 * @property {(name: string, text?: string) => void} save
 * @property {(...words: unknown[]) => void} warn
 * @property {(name: string, ...values: unknown[]) => any} ask
 * @property {(name: string, data?: object) => void} track
 * @property {() => string} who
 * @property {Set<{ slot?: string, call: Function, last?: string }>} watchers
 * @property {() => { visitor?: string, user?: string, consent: any, queue: number }} look
 */

/**
 * Needs no engine, and so does not wait for it.
 * @param {Tier0} tier0 @param {string} slot @param {{ n?: number, item?: string, timeout?: number }} [wish]
 */
export async function recommend({ options, ask, who }, slot, { n = 8, item, timeout = 150 } = {}) {
  const response = await fetch(`${options.endpoint}/v1/decide`, {
    method: "POST",
    body: JSON.stringify({
      key: options.key,
      visitor: who(),
      session: ask("inspect")?.session,
      page: { item },
      slots: [{ id: slot, kind: "items", n, exclude: [] }],
    }),
    signal: AbortSignal.timeout(timeout),
  });
  const answer = await response.json();
  ask("told", answer);
  return answer.slots[slot];
}

/**
 * What a capture gets of Beckon and of the page.
 * @typedef {object} Page
 * @property {import("./index.d.ts").Options} options
 * @property {(source: number, name: string, data?: object) => void} track puts an event on its way. `source` ranks who
 *   says so: `track()` is 0, `dataLayer` 1, markup 2, JSON-LD 3
 * @property {(target: EventTarget, type: string, listener: (event: any) => void) => void} on listens passively, and
 *   before the page's own listeners, which may stop an event
 * @property {(call: () => void) => void} viewed calls now, and again with each page view
 * @property {(call: () => void) => void} left calls before a page view ends or the page is hidden
 * @property {(slot: string) => Decision | undefined} decide
 * @property {(slot: string, call: (decision: Decision) => void) => () => void} onDecision
 * @property {(...words: unknown[]) => void} warn
 */

/** @param {Tier0} tier0 */
export async function start({ options, load, save, warn, ask, track, watchers, look }) {
  const { key, endpoint, bootstrap, wasmUrl } = options;
  /** @type {unknown} */
  let bundle = bootstrap?.bundle;
  let version = 0;
  /** @type {Record<string, [until: number, decision: Decision]>} */
  let decisions = {};
  /** @type {LoggedEvent[]} newest first */
  let log = [];
  let sent = 0;
  let frame = 0;
  let session = "";

  /** @param {RequestCache} [cache] */
  const fetchBundle = async (cache) => {
    try {
      const response = await fetch(`${endpoint}/v1/bundle?key=${key}`, { cache });
      if (!response.ok) return warn(`the bundle did not come: ${response.status}`);
      bundle = await response.json();
      ask("learn");
    } catch (error) {
      warn(error);
    }
  };
  if (!bundle) fetchBundle();

  await engine.load(wasmUrl);

  let memory = "";
  let visitor = "";
  /** Takes over what another tab has remembered since. */
  const remember = () => {
    const text = load("memory") ?? "";
    if (text && text !== memory) engine.start(visitor, JSON.parse(text));
    memory = text;
  };
  /** Other tabs go on from here. */
  const keepMemory = () => {
    memory = JSON.stringify(engine.kept());
    save("memory", memory);
  };

  const changed = () => {
    if (frame) return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      for (const { slot, call } of watchers) if (slot === undefined) invoke(call);
    });
  };
  /** @param {Function} call the page's own, whose failure is not ours @param {unknown} [value] */
  const invoke = (call, value) => {
    try {
      call(value);
    } catch (error) {
      warn(error);
    }
  };
  /** @param {string} slot @returns {Decision | undefined} */
  const decide = (slot) => {
    const decided = engine.decide(slot, Date.now());
    const decision = decided && { slot, source: "local", ...decided };
    if (decision) decisions[slot] = [Date.now() + decision.ttl_s * 1000, decision];
    return decision;
  };
  const standing = () => engine.standing(Date.now());
  /** Tells everybody who watches a slot what is different now. */
  const tell = () => {
    for (const watcher of watchers) {
      if (watcher.slot === undefined) continue;
      const decision = decide(watcher.slot);
      const text = JSON.stringify(decision);
      if (text === watcher.last) continue;
      watcher.last = text;
      invoke(watcher.call, decision);
    }
    changed();
  };
  /** @param {any} event @param {string} status */
  const note = (event, status) => {
    log = [{ ...event, status }, ...log.slice(0, LOG - 1)];
  };
  /** The page's callbacks run after the call that they follow from. */
  const tellSoon = () => queueMicrotask(() => ask("tellNow"));

  const merge = watch({
    options,
    track: (_, name, data) => track(name, data),
    on: (target, type, listener) =>
      target.addEventListener(type, (event) => invoke(listener, event), { capture: true, passive: true }),
    viewed: invoke,
    left: (call) => addEventListener("visibilitychange", () => invoke(call), { capture: true }),
    decide,
    onDecision: (slot, call) => {
      const watcher = { slot, call };
      watchers.add(watcher);
      ask("tell");
      return () => watchers.delete(watcher);
    },
    warn,
  });

  return {
    /** @param {string} whose @param {any[]} missed events that were sent before the engine was there */
    begin(whose, missed) {
      // What earlier pages decided is kept until it is decided anew.
      decisions = JSON.parse(load("decisions") || "{}");
      visitor = whose;
      engine.start(visitor);
      memory = "";
      remember();
      if (missed.length) {
        engine.take(missed);
        keepMemory();
      }
      session = standing().session ?? "";
      log = [];
      for (const event of missed) note(event, "sent");
      if (bundle) ask("learn");
    },
    learn() {
      version = engine.learn(bundle) || version;
      tellSoon();
    },
    /** @param {any[]} events @returns {object[]} those that may leave, cleaned and masked */
    take(events) {
      const ready = [];
      events = merge(events);
      remember();
      for (const [index, event] of engine.take(events).entries()) {
        if (event.code) {
          warn("an event cannot be used:", event);
          note({ ...events[index], code: event.code }, "rejected");
        } else {
          session = event.session;
          note(event, "waiting");
          ready.push(event);
        }
      }
      keepMemory();
      tellSoon();
      return ready;
    },
    /** What the envelope says beside the events. The first of a session asks what only the collector knows. */
    envelope() {
      return {
        context: {
          sdk: "beckon-js/0.1.0",
          locale: navigator.language,
          tz: Intl.DateTimeFormat().resolvedOptions().timeZone,
          screen: [screen.width, screen.height],
          consent: "granted",
        },
        decide: load("asked") === session ? undefined : { slots: [] },
      };
    },
    /** @param {[string, { id: string }][]} entries a batch @param {any} answer */
    answered(entries, answer) {
      for (const [index, [, { id }]] of entries.entries()) {
        const { status = "dropped", code } = answer?.results?.[index] ?? {};
        log = log.map((event) => (event.id === id ? { ...event, status, code } : event));
        if (status === "stored") sent++;
      }
      if (answer?.decision) {
        save("asked", session);
        ask("told", answer.decision);
      }
      if (!version && !bundle) fetchBundle();
      changed();
    },
    /** @param {any} answer what the collector says of the visitor */
    told(answer) {
      remember();
      engine.told(answer);
      keepMemory();
      if (answer.bundle > version) fetchBundle("no-cache");
      tellSoon();
    },
    left() {
      save("decisions", JSON.stringify(decisions));
    },
    inspect() {
      const shown = Object.entries(decisions).map(([slot, [, decision]]) => {
        // All the rules tried, here alone: a hundred offers have a hundred of them.
        const { debug } = engine.decide(slot, Date.now(), true) ?? {};
        return [slot, { ...decision, debug }];
      });
      return { ...look(), ...standing(), sent, last: log, decisions: Object.fromEntries(shown), tier: 1 };
    },
    segments: () => standing().segments,
    decide,
    tell: tellSoon,
    tellNow: tell,
  };
}
