// Tier 1 of Beckon: what the engine needs around it in the page. Tier 0 loads it soon after the page and calls it
// through ask(), which catches whatever is thrown here; ids, the queue and its sender are tier 0's.
import { start as capture } from "./capture.js";
import * as engine from "./engine.js";

const LOG = 50;
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
 * @property {(...words: unknown[]) => void} warn a function among the words is called where they are printed
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

/** @param {Tier0} tier0 */
export function start(tier0) {
  const { options, storage, load, save, warn, ask, track, who, watchers, look, queue, enqueue, send, viewed } = tier0;
  const { key, endpoint, bootstrap, wasmUrl } = options;
  const granted = () => look().consent === "granted";

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
  /** @type {Record<string, number>} how many events stand in each part */
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
      save(`queue.${name}.${part}`, entries.flat().join("\n"));
      written[part] = entries.length;
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
            invoke(() => {
              JSON.parse(whose);
              JSON.parse(text);
              if (!queue.some((entry) => entry[1] === text)) queue.push([whose, text]);
            });
          }
        }
        // It has its copy here before it goes there.
        enqueue([]);
        for (const name of theirs) delete storage[name];
      };
      if (navigator.locks) navigator.locks.request(base + owner, { ifAvailable: true }, take).catch(warn);
      else take(true);
    }
  };

  // ---- The engine.

  let running = false;
  let whose = "";
  let memory = "";
  /** Takes over what another tab has remembered since. */
  const remember = () => {
    const text = load("memory") ?? "";
    if (text && text !== memory) engine.start(whose, JSON.parse(text));
    memory = text;
  };
  /** Other tabs go on from here. */
  const keepMemory = () => {
    memory = JSON.stringify(engine.kept());
    save("memory", memory);
  };
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
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      for (const { slot, call } of watchers) if (slot === undefined) invoke(call);
    });
  };
  /** @param {string} slot @returns {Decision | undefined} */
  const decide = (slot) => {
    const decided = running && engine.decide(slot, Date.now());
    if (!decided) return;
    const decision = { slot, source: "local", ...decided };
    decisions[slot] = { ...decision, source: "cached", until: Date.now() + decision.ttl_s * 1000 };
    return decision;
  };
  const standing = () => (running ? engine.standing(Date.now()) : undefined);
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
  /** The page's callbacks run after the call that they follow from. */
  const tellSoon = () => queueMicrotask(() => ask("tellNow"));
  /** @param {any} event @param {string} status */
  const note = (event, status) => {
    log = [{ ...event, status }, ...log.slice(0, LOG - 1)];
  };
  const learn = () => {
    if (!running) return;
    version = engine.learn(bundle) || version;
    tellSoon();
  };
  /** Begins with whoever the visitor is now, or with nobody. */
  const begin = () => {
    const visitor = granted() ? who() : "";
    if (!visitor) {
      unlock();
      name = "";
      // Other tabs are told by a name that comes and goes.
      save("denied", "1");
      save("denied");
    } else if (!name) {
      open();
      keep();
      adopt();
    }
    if (!running) return;
    // What earlier pages decided is kept until it is decided anew.
    decisions = JSON.parse(load("decisions") || "{}");
    const missed = JSON.parse(load("missed") || "[]");
    save("missed");
    whose = visitor;
    memory = "";
    engine.start(visitor);
    remember();
    if (bootstrap?.facts) engine.told({ facts: bootstrap.facts });
    if (missed[0]) {
      engine.take(missed);
      keepMemory();
    }
    session = standing()?.session ?? "";
    log = [];
    for (const event of missed) note(event, "sent");
    if (bundle) learn();
    else tellSoon();
  };
  const run = async () => {
    if (!bundle) fetchBundle();
    try {
      await engine.load(wasmUrl);
      running = true;
      ask("begin");
    } catch (error) {
      warn(error);
    }
    tier0.release();
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
      history[name] = (...values) => {
        original.apply(history, values);
        viewed();
      };
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
    name = "";
  });
  addEventListener("pageshow", ({ persisted }) => {
    if (!persisted || !granted()) return;
    // What was on the queue is in storage, for whoever takes it first.
    queue.length = 0;
    ask("begin");
    if (options.capture?.page_view !== false) track("page_view");
    ask("viewed");
  });
  queueMicrotask(() => ask("begin"));

  return {
    ready: run(),
    begin,
    keep,
    /** @returns {boolean} whether the queue has its copy in storage */
    leave() {
      save("decisions", JSON.stringify(decisions));
      return !!name;
    },
    viewed() {
      for (const call of calls.viewed) invoke(call);
    },
    left() {
      for (const call of calls.left) invoke(call);
    },
    learn,
    /** @param {any[]} events @returns {boolean} whether those that may leave, cleaned and masked, are on the queue */
    take(events) {
      if (!running) return false;
      const ready = [];
      events = merge(events);
      for (const { page } of events) delete page.source;
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
      tier0.enqueue(ready);
      tellSoon();
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
        decide: load("asked") === session ? undefined : { slots: [] },
      };
    },
    /** @param {import("./beckon.js").Entry[]} entries a batch @param {any} answer @param {number} status */
    answered(entries, answer, status) {
      if (status > 200) warn(status, answer);
      if (status === 413 && entries[1]) {
        // They go again in batches of half the size.
        tier0.most = entries.reduce((sum, [, text]) => sum + text.length, 0) >> 1;
        queue.unshift(...entries);
        return;
      }
      keep();
      for (const [index, [, text]] of entries.entries()) {
        const { id } = JSON.parse(text);
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
      if (running) {
        remember();
        engine.told(answer);
        keepMemory();
      }
      if (answer.bundle > version) fetchBundle("no-cache");
      tellSoon();
    },
    /**
     * Needs no engine, and so does not wait for it.
     * @param {string} slot @param {{ n?: number, item?: string, timeout?: number }} [wish]
     */
    async recommend(slot, { n = 8, item, timeout = 150 } = {}) {
      if (!granted()) return;
      try {
        const response = await fetch(`${endpoint}/v1/decide`, {
          method: "POST",
          body: JSON.stringify({
            key,
            visitor: who(),
            session: session || undefined,
            page: { item },
            slots: [{ id: slot, kind: "items", n, exclude: [] }],
          }),
          signal: AbortSignal.timeout(timeout),
        });
        const answer = await response.json();
        ask("told", answer);
        return answer.slots[slot];
      } catch {}
    },
    inspect() {
      const shown = Object.entries(decisions).map(([slot, { until, ...decision }]) => {
        // All the rules tried, here alone: a hundred offers have a hundred of them.
        const { debug } = (running && engine.decide(slot, Date.now(), true)) || {};
        return [slot, { ...decision, source: debug ? "local" : "cached", debug }];
      });
      const tier = running ? 1 : 0;
      return { ...look(), ...standing(), sent, last: log, decisions: Object.fromEntries(shown), tier };
    },
    segments: () => standing()?.segments,
    decide,
    tell: tellSoon,
    tellNow: tell,
    /** @param {...unknown} words */
    warn(...words) {
      if (tier0.debugging ?? /^(localhost|127\.)/.test(location.hostname))
        console.warn("beckon:", ...words.map((word) => (typeof word === "function" ? word() : word)));
    },
  };
}
