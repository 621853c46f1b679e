// Tier 1 of Beckon: what the engine needs around it in the page. Tier 0 loads it soon after the page and calls it
// through ask(), which catches whatever is thrown here; ids, the queue and its sender are tier 0's.
import { start as capture } from "./capture.js";
import { load as loadEngine } from "./engine.js";
import { parsed, remembering } from "./memory.js";

// Other scripts may put something else in their places later.
const { stringify } = JSON;
const { fetch } = globalThis;

const LOG = 50;
/** How long a decision holds while nothing happens, in milliseconds: rules know of time, and a page may ask as it draws. */
const FRESH = 1000;
/** The functions of the engine after which nothing is different. */
const ASKED = /^(decide|standing|clean)$/;
/** A part of the queue in storage: an event more is one part written. */
const PART_EVENTS = 20;
/** What a page keeps in storage at most, in characters. */
const QUEUE_LENGTH = 512 << 10;

/** @typedef {import("./index.d.ts").Decision} Decision */
/** @typedef {import("./index.d.ts").LoggedEvent} LoggedEvent */

/**
 * @typedef {object} Tier0
 * @property {import("./index.d.ts").Options} options
 * @property {Record<string, string>} storage
 * @property {(name: string) => string | undefined} load
 * @property {(name: string, text?: string) => void} save
 * @property {(...words: unknown[]) => void} warn
 * @property {(name: string, ...values: unknown[]) => any} ask
 * @property {(name: string, data?: object, user?: undefined, source?: number) => void} track
 * @property {() => string} who
 * @property {Set<{ slot?: string, call: Function, last?: string }>} watchers
 * @property {() => { visitor?: string, user?: string, consent: string, queue: number }} look
 * @property {(events: any[]) => any[]} stripped
 * @property {import("./beckon.js").Entry[]} queue
 * @property {(events: any[]) => void} enqueue
 * @property {() => Promise<void>} send
 * @property {() => void} release
 * @property {() => void} viewed looks whether the page has another address
 * @property {boolean} [debugging] whether to warn; by default on localhost
 * @property {number} most how many characters of events a batch may have
 */

/**
 * What a capture gets of Beckon and of the page. None of its calls throws, and what it is given may throw.
 * @typedef {object} Page
 * @property {import("./index.d.ts").Options} options
 * @property {(source: number, name: string, data?: object) => void} track puts an event on its way. `source` ranks who
 *   says so: `track()` is 0, `dataLayer` 1, markup 2, JSON-LD 3
 * @property {(target: EventTarget, type: string, listener: (event: any) => void) => void} on listens passively, and
 *   before the page's own listeners, which may stop an event
 * @property {(call: () => void) => void} viewed calls now, and again with each page view: of navigation, of a page
 *   that comes back from the back/forward cache
 * @property {(call: () => void) => void} left calls before a page view ends or the page is hidden; what is tracked
 *   then has the address of that view
 * @property {(slot: string) => Decision | undefined} decide
 * @property {(slot: string, call: (decision: Decision) => void) => () => void} onDecision
 * @property {(...words: unknown[]) => void} warn
 */

/** @param {unknown} value @param {string} [path] @returns {string} which fields of an event hold what kind of mask, never what was there */
const masks = (value, path = "") =>
  typeof value === "string"
    ? (value.match(/\[(email|phone|card|id|secret)\]/g) ?? []).map((kind) => `${path} ${kind}`).join(", ")
    : Object.entries(value ?? {})
        .map(([name, field]) => masks(field, path ? `${path}.${name}` : name))
        .filter((found) => found)
        .join(", ");

/** @param {Tier0} tier0 */
export function start(tier0) {
  const {
    options,
    storage,
    load,
    save,
    warn,
    ask,
    track,
    who,
    watchers,
    look,
    stripped,
    queue,
    enqueue,
    send,
    viewed,
  } = tier0;
  const { key, endpoint, bootstrap, beforeSend, wasmUrl } = options;
  const granted = () => look().consent === "granted";
  const debugging = () => tier0.debugging ?? /^(localhost|127\.)/.test(location.hostname);

  /** @param {Function} call the page's own or a capture's, whose failure is not ours @param {...unknown} values */
  const invoke = (call, ...values) => {
    try {
      call(...values);
    } catch (error) {
      warn(error);
    }
  };

  // ---- The queue in storage.

  const base = `beckon.${key}.queue.`;
  /** The name of this page's queue, and what gives back its lock. Without a name nothing is kept. */
  let name = "";
  let unlock = () => {};
  let count = 0;
  /** @type {Record<string, number>} how many events stand in each part; -1 where storage had no room for it */
  let written = {};

  /** Names this page's queue anew and holds its lock. */
  const open = () => {
    name = Math.random().toString(36).slice(2);
    written = {};
    /** @type {Promise<void>} */
    const closed = new Promise((resolve) => {
      unlock = resolve;
    });
    navigator.locks?.request(base + name, () => closed).catch(warn);
  };
  /** Writes the parts of the queue that have changed: a line of whose it is and a line for each event. */
  const keep = () => {
    if (!name) return;
    let length = 0;
    for (const entry of queue) {
      entry.part ??= String(Math.floor(count++ / PART_EVENTS));
      length += entry[0].length + entry[1].length;
    }
    for (; length > QUEUE_LENGTH; queue.shift()) length -= queue[0][0].length + queue[0][1].length;
    for (const part of new Set([...Object.keys(written), ...queue.map((entry) => entry.part ?? "")])) {
      const entries = queue.filter((entry) => entry.part === part);
      if (written[part] === entries.length) continue;
      const text = entries.flat().join("\n");
      save(`queue.${name}.${part}`, text);
      written[part] = text === (load(`queue.${name}.${part}`) ?? "") ? entries.length : -1;
      if (!entries[0]) delete written[part];
    }
  };
  /** Takes over what pages left that are gone: whoever gets the lock of a queue is the only one that does. */
  const adopt = () => {
    const names = Object.keys(storage).filter((name) => name.startsWith(base));
    for (const owner of new Set(names.map((name) => name.slice(base.length).split(".")[0]))) {
      if (owner === name) continue;
      /** @param {unknown} lock */
      const take = (lock) => {
        if (!lock || !granted()) return;
        const theirs = Object.keys(storage).filter((name) => `${name}.`.startsWith(`${base}${owner}.`));
        for (const name of theirs) {
          const lines = storage[name].split("\n");
          for (let line = 0; line < lines.length; line += 2) {
            const [whose, text] = lines.slice(line);
            if (!parsed(whose)?.visitor || !parsed(text)?.id) continue;
            if (!queue.some((entry) => entry[1] === text)) queue.push([whose, text]);
          }
        }
        // It has its copy here before it goes there.
        enqueue([]);
        for (const name of theirs) delete storage[name];
        // Both copies may have been more than there was room for.
        keep();
      };
      if (navigator.locks) navigator.locks.request(base + owner, { ifAvailable: true }, take).catch(warn);
      else take(true);
    }
  };

  // ---- The engine.

  /** @type {any} the engine, here or in a worker; where there is neither, the collector decides */
  let mind;
  /** Whether decisions come from elsewhere, so that the page has the latest that were heard of. */
  let away = false;
  /** @type {any} facts, segments and session as they were heard of last */
  let known;
  /** @type {Set<string>} what was asked for, to be decided elsewhere */
  const slots = new Set();
  /** @type {Map<any[], Promise<void>>} the events that a worker has, and when it has answered */
  const gone = new Map();
  let asking = 0;
  /** @type {Map<string, [until: number, decision: Decision | undefined]>} */
  const fresh = new Map();
  /** @type {unknown} */
  let bundle = bootstrap?.bundle;
  let version = 0;
  /** @type {Record<string, Decision & { until: number }>} what later pages show until they have decided */
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
  const changed = () => {
    const calls = [...watchers].filter(({ slot }) => slot === undefined);
    // To ask for a frame of a page that draws none costs as much as an event.
    if (calls[0])
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        for (const { call } of calls) invoke(call);
      });
  };
  /** Calls the engine; one that traps is not called again. @param {string} name @param {...unknown} values @returns {any} */
  const think = (name, ...values) => {
    if (!ASKED.test(name)) fresh.clear();
    try {
      const value = mind?.[name](...values);
      value?.catch?.(warn);
      return value;
    } catch (error) {
      mind = undefined;
      warn(error);
    }
  };
  /** @param {string} slot @param {any} decision @param {"local" | "cached"} source @returns {Decision} */
  const decided = (slot, decision, source) => {
    const whole = { slot, source, ...decision };
    decisions[slot] = { ...whole, source: "cached", until: Date.now() + decision.ttl_s * 1000 };
    return whole;
  };
  /** @param {string} slot @returns {Decision | undefined} */
  const decide = (slot) => {
    if (mind && !away) {
      const [until, last] = fresh.get(slot) ?? [];
      if (until && until > Date.now()) return last;
      const answer = think("decide", slot);
      const decision = answer && decided(slot, answer, "local");
      fresh.set(slot, [Date.now() + FRESH, decision]);
      return decision;
    }
    if (!slots.has(slot)) {
      slots.add(slot);
      if (away) refresh();
    }
    const { until, ...decision } = decisions[slot] ?? {};
    if (until && until > Date.now()) return /** @type {Decision} */ (decision);
  };
  /** Asks for what is decided elsewhere. */
  const refresh = () => {
    asking ||= setTimeout(async () => {
      asking = 0;
      if (mind) think("standing");
      else if (slots.size) ask("told", await collector({ slots: wanted() }));
    });
  };
  const wanted = () => [...slots].map((id) => ({ id, kind: "offer" }));
  /** @param {object} wish @param {number} [timeout] in milliseconds @returns {Promise<any>} what the collector answers, if anything */
  const collector = async (wish, timeout) => {
    if (!granted()) return;
    try {
      const signal = timeout === undefined ? undefined : AbortSignal.timeout(timeout);
      const body = stringify({ key, visitor: who(), session: session || undefined, ...wish });
      const response = await fetch(`${endpoint}/v1/decide`, { method: "POST", body, signal });
      if (response.ok) return await response.json();
    } catch {}
  };
  const standing = () => (away ? known : think("standing"));
  /** Tells everybody who watches a slot what is different now. */
  const tell = () => {
    if (!granted()) return changed();
    for (const watcher of watchers) {
      if (watcher.slot === undefined) continue;
      const decision = decide(watcher.slot);
      const text = stringify(decision);
      if (!decision || text === watcher.last) continue;
      watcher.last = text;
      invoke(watcher.call, decision);
    }
    changed();
  };
  /** The page's callbacks run after the call that they follow from. */
  const tellSoon = () => queueMicrotask(() => ask("tellNow"));
  /** @param {any} event @param {string} status */
  const note = (event, status) => {
    log = [{ ...event, status }, ...log.slice(0, LOG - 1)];
  };
  const learn = async () => {
    version = (await think("learn", bundle)) || version;
    tellSoon();
  };
  /** Events that left without the engine. @returns {any[]} */
  const missed = () => parsed(load("missed")) ?? [];
  /** Begins with whoever the visitor is now, or with nobody. */
  const begin = () => {
    const visitor = granted() ? who() : "";
    if (!visitor) {
      unlock();
      name = "";
      gone.clear();
      // Other tabs are told by a name that comes and goes.
      if (look().consent === "denied") save("denied", "1");
      save("denied");
    } else if (!name) {
      open();
      keep();
      adopt();
    }
    // What earlier pages decided is kept until it is decided anew.
    decisions = parsed(load("decisions")) ?? {};
    tellSoon();
    if (!mind) return;
    const events = missed();
    save("missed");
    think("begin", visitor, events, bootstrap?.facts);
    session = standing()?.session ?? "";
    log = [];
    for (const event of events) note(event, "sent");
    if (bundle) learn();
  };
  /** @param {any} news of the worker */
  const heard = ({ standing, decisions }) => {
    known = standing;
    session = known.session ?? session;
    for (const [slot, decision] of decisions) if (decision) decided(slot, decision, "cached");
    tellSoon();
  };
  /**
   * A policy that forbids the smallest module there is forbids the engine's, too, which then is not fetched. Throws
   * where a worker could not compile it either.
   */
  const mayCompile = () => {
    const { Module } = WebAssembly;
    try {
      return new Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
    } catch (error) {
      warn(error);
    }
  };
  /** Finds out where the engine may run. */
  const run = async () => {
    /** @type {any} */
    let found;
    try {
      if (mayCompile()) {
        if (!bundle) fetchBundle();
        await loadEngine(wasmUrl);
        found = remembering(tier0);
      } else {
        // Few pages need it, and all would load it.
        const { inWorker } = await import("./away.js");
        found = await inWorker(tier0, slots, heard);
        away = true;
        if (!bundle) fetchBundle();
      }
    } catch (error) {
      warn(error);
    }
    mind = found;
    away ||= !mind;
    ask("begin");
    if (away) refresh();
    tier0.release();
  };
  /** @param {any[]} events @param {any[]} answers of the engine @returns {any[]} those that it can use */
  const usable = (events, answers) =>
    answers.filter((answer, index) => {
      if (!answer.code) return true;
      warn("an event cannot be used:", answer);
      note({ ...events[index], code: answer.code }, "rejected");
      return false;
    });
  /** What the page's own hook makes of events that are clean; one that it fails on is not sent. @param {any[]} events */
  const hooked = (events) =>
    events.flatMap((event) => {
      try {
        return beforeSend?.(event) || [];
      } catch (error) {
        warn(error);
        return [];
      }
    });
  /** @param {any[]} events @param {any[]} taken */
  const settle = (events, taken) => {
    if (!granted()) return;
    const ready = usable(events, taken);
    for (const event of ready) {
      session = event.session;
      note(event, "waiting");
      const found = debugging() && masks(event);
      if (found) warn(`${event.name} was masked:`, found);
    }
    enqueue(ready);
    tellSoon();
  };

  // ---- The page.

  /** @type {Record<"viewed" | "left", (() => void)[]>} */
  const calls = { viewed: [], left: [] };
  /** @type {Page} */
  const page = {
    options,
    track: (source, name, data) => track(name, data, undefined, source),
    on: (target, type, listener) =>
      target.addEventListener(type, (event) => invoke(listener, event), { capture: true, passive: true }),
    viewed(call) {
      calls.viewed.push(call);
      invoke(call);
    },
    left: (call) => calls.left.push(call),
    decide,
    onDecision(slot, call) {
      const watcher = { slot, call };
      watchers.add(watcher);
      tellSoon();
      return () => watchers.delete(watcher);
    },
    warn,
  };
  const merge = capture(page);

  addEventListener("popstate", viewed);
  // Browsers without the navigation API do not tell of these.
  if (!("navigation" in window)) {
    for (const name of /** @type {const} */ (["pushState", "replaceState"])) {
      const original = history[name];
      invoke(() => {
        history[name] = (...values) => {
          original.apply(history, values);
          viewed();
        };
      });
    }
  }
  viewed();
  // Another tab began with somebody new, or was told that nothing may be kept.
  addEventListener("storage", ({ key: name, newValue }) => {
    if (!newValue || !granted()) return;
    if (name === `beckon.${key}.visitor`) ask("begin");
    if (name === `beckon.${key}.denied`) /** @type {any} */ (globalThis).__beckon[key].consent("denied");
  });
  addEventListener("online", send);
  addEventListener("visibilitychange", () => document.hidden || adopt());
  addEventListener("pagehide", () => {
    // A lock would keep the page out of the back/forward cache.
    unlock();
  });
  addEventListener("pageshow", ({ persisted }) => {
    if (!persisted || !granted()) return;
    // What was on the queue is in storage, for whoever takes it first; where there was no room, it goes on from here.
    if (!Object.values(written).includes(-1)) queue.length = 0;
    name = "";
    ask("begin");
    if (options.capture?.page_view !== false) track("page_view");
    ask("viewed");
  });
  queueMicrotask(() => ask("begin"));
  const running = run();

  return {
    /** When the engine runs, and has answered for what was tracked so far. */
    get ready() {
      return running.then(() => {
        tier0.release();
        return Promise.all(gone.values());
      });
    },
    begin,
    keep,
    /** The page may be over; the queue has its copy in storage. */
    leave() {
      if (granted()) save("decisions", stringify(decisions));
      for (const events of gone.keys()) {
        const ready = stripped(events);
        save("missed", stringify([...missed(), ...ready]));
        enqueue(ready);
      }
      gone.clear();
      return true;
    },
    viewed() {
      for (const call of calls.viewed) invoke(call);
    },
    left() {
      for (const call of calls.left) invoke(call);
    },
    learn,
    /** @param {any[]} events @returns {boolean} whether those that may leave, cleaned and masked, come onto the queue */
    take(events) {
      if (!mind) return false;
      const whole = events;
      // What fails in there costs no event.
      invoke(() => {
        events = merge(whole);
      });
      for (const { page } of events) delete page.source;
      if (!away) {
        const clean = beforeSend && think("clean", events);
        const last = clean ? hooked(usable(events, clean)) : events;
        const taken = think("take", last);
        if (taken) settle(last, taken);
        return !!taken;
      }
      const take = async () => {
        const last = beforeSend ? hooked(usable(events, await think("clean", events))) : events;
        const taken = await think("take", last);
        if (gone.delete(events)) return settle(last, taken);
        if (!granted()) return;
        // They left without it, and were remembered all the same.
        const ids = new Set(events.map(({ id }) => id));
        save("missed", stringify(missed().filter(({ id }) => !ids.has(id))));
      };
      const taken = take().catch(() => {
        if (gone.delete(events)) enqueue(stripped(events));
      });
      gone.set(events, taken);
      return true;
    },
    /**
     * What the envelope says beside the events: nothing of the time zone, since a page's first use of Intl takes more
     * time than all else here. The first of a session asks what only the collector knows.
     */
    envelope() {
      return {
        context: {
          sdk: "beckon-js/0.1.0",
          locale: navigator.language,
          screen: [screen.width, screen.height],
          consent: "granted",
        },
        decide: mind && load("asked") === session ? undefined : { slots: mind ? [] : wanted() },
      };
    },
    /** @param {import("./beckon.js").Entry[]} entries a batch @param {any} answer @param {number} status */
    answered(entries, answer, status) {
      if (status > 200) warn(status, answer);
      // Whoever has refused meanwhile is not remembered by an answer that was under way.
      if (!granted()) return;
      if (status === 413 && entries[1]) {
        // They go again in batches of half the size.
        tier0.most = entries.reduce((sum, [, text]) => sum + text.length, 0) >> 1;
        queue.unshift(...entries);
        return;
      }
      keep();
      for (const [index, [, text]] of entries.entries()) {
        const { id } = parsed(text);
        const { status = "dropped", code } = answer?.results?.[index] ?? {};
        log = log.map((event) => (event.id === id ? { ...event, status, code } : event));
        if (status === "stored") sent++;
      }
      if (answer?.decision) {
        save("asked", session);
        ask("told", answer.decision);
      }
      if (mind && !version && !bundle) fetchBundle();
      changed();
    },
    /** @param {any} answer what the collector says of the visitor */
    told(answer) {
      if (!answer || !granted()) return;
      if (!mind) {
        known = { facts: answer.facts ?? {}, segments: answer.segments ?? [] };
        for (const [slot, decision] of Object.entries(answer.slots ?? {})) {
          const reason = decision.arm === "holdout" ? "holdout" : decision.why?.[0]?.code;
          if (slots.has(slot)) decided(slot, { reason, decision_id: answer.decision_id, ...decision }, "cached");
        }
      } else {
        think("told", answer);
        if (answer.bundle > version) fetchBundle("no-cache");
      }
      tellSoon();
    },
    /**
     * Needs no engine, and so does not wait for it.
     * @param {string} slot @param {{ n?: number, item?: string, timeout?: number }} [given]
     */
    async recommend(slot, given) {
      const { n = 8, item, timeout = 150 } = given ?? {};
      const wish = { page: { item }, slots: [{ id: slot, kind: "items", n, exclude: [] }] };
      const answer = await collector(wish, timeout);
      ask("told", answer);
      return answer?.slots?.[slot];
    },
    inspect() {
      const shown = Object.entries(decisions).map(([slot, { until, ...decision }]) => {
        // All the rules tried, here alone: a hundred offers have a hundred of them.
        const { debug } = (!away && think("decide", slot, true)) || {};
        return [slot, { ...decision, source: debug ? "local" : "cached", debug }];
      });
      const tier = mind ? 1 : 0;
      return { ...look(), ...standing(), sent, last: log, decisions: Object.fromEntries(shown), tier };
    },
    segments: () => standing()?.segments,
    decide,
    tell: tellSoon,
    tellNow: tell,
    /** @param {...unknown} words */
    warn(...words) {
      try {
        if (debugging()) console.warn("beckon:", ...words);
      } catch {}
    },
  };
}
