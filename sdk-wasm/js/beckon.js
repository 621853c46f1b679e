// Tier 0 of Beckon: what has to work before tier 1 (the engine, in Wasm) is there, and where it never comes.
//
// An event goes one way: track() puts it on `held` with its id and time; drain() has tier 1 clean, mask and fold what
// is held, or strips it down to what needs no mask; the queue keeps it until the collector has answered for it. There
// is one queue and one sender, these. Tier 1 is called through ask() alone, so that a trap in it only switches it off.

/** How long events wait for tier 1 before they go without what it would have masked. */
const PATIENCE = 1000;
const BATCH_MS = 2000;
const BATCH_EVENTS = 20;
/** In characters, of up to 3 bytes each: at most 48 KiB. */
const BATCH_LENGTH = 16 << 10;
const QUEUE_EVENTS = 1000;
const QUEUE_LENGTH = 512 << 10;

/** @typedef {import("./index.d.ts").Beckon} Beckon */
/** @typedef {import("./engine.js").WireEvent} WireEvent */
/**
 * An event in the queue. `whose` is the JSON of its part of the envelope; `flying`, which JSON leaves out, tells that a
 * request with it is unanswered.
 * @typedef {[whose: string, event: WireEvent] & { flying?: boolean }} Entry
 */

let lastMs = 0;
let sequence = 0;

/** @param {number} number @param {number} width */
const hex = (number, width) => number.toString(16).padStart(width, "0");

/** A UUIDv7. Those of one page go upwards even within a millisecond, so that page and collector fold in one order. */
const uuid = () => {
  const now = Date.now();
  if (now > lastMs || ++sequence > 4095) {
    lastMs = Math.max(now, lastMs + 1);
    sequence = 0;
  }
  const [a, b] = crypto.getRandomValues(new Uint32Array(2));
  const digits = `${hex(lastMs, 12)}7${hex(sequence, 3)}a${hex(a, 8)}${hex(b, 8)}`;
  return digits.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})./, "$1-$2-$3-$4-$5");
};

/** @param {string} address @returns {string} without its hash, and of its query only campaigns and click ids */
const bare = (address) => {
  const kept = address?.match(/(?<=[?&])(utm_|\w*clk?id=|[wg]braid=)[^&#]*/g);
  return address?.replace(/[?#].*/, kept ? `?${kept.join("&")}` : "");
};

/** @param {unknown} value @param {string[]} [names] @returns {any} a copy in the terms of JSON, of these names only */
const copy = (value, names) => JSON.parse(JSON.stringify(value, names));

/** @param {any} event @returns {WireEvent} what of it may leave the page without having been masked */
const strip = (event) => ({
  ...copy(event, ["id", "name", "at", "user", "currency", "value", "transaction_id"]),
  page: { url: bare(event.page.url), referrer: bare(event.page.referrer) },
  items: event.items && copy(event.items, ["item_id", "price", "quantity"]),
});

/** @type {Record<string, Beckon>} */
const instances = {};

/** @param {import("./index.d.ts").Options} options @returns {Beckon} */
export const init = (options) => (instances[options.key] ??= create(options));

/** @param {import("./index.d.ts").Options} options @returns {Beckon} */
const create = (options) => {
  const { key, endpoint, bootstrap, capture } = options;
  const inPage = typeof document === "object";
  const prefix = `beckon.${key}.`;

  let debugging = inPage && /^(localhost|127\.)/.test(location.hostname);
  /** @param {...unknown} words for developers; the consoles of visitors stay quiet */
  const warn = (...words) => {
    if (debugging) console.warn("beckon:", ...words);
  };
  /**
   * The same function, which no longer throws: nothing may throw into the page.
   * @template {any[]} A @template R @param {(...values: A) => R} work
   */
  const safe =
    (work) =>
    (/** @type {A} */ ...values) => {
      try {
        return work(...values);
      } catch (error) {
        warn(error);
      }
    };

  /** @type {Record<string, string>} where the browser gives no storage, an object that lives as long as the page */
  let storage = {};
  safe(() => {
    if (inPage && !options.cookieless) storage = localStorage ?? storage;
  })();
  /** @param {string} name */
  const load = (name) => storage[prefix + name];
  /** @type {(name: string, text?: string | false) => void} no text deletes it */
  const save = safe((name, text) => {
    delete storage[prefix + name];
    if (text) storage[prefix + name] = text;
  });
  /** @param {string} name */
  const read = (name) => safe(JSON.parse)(load(name) || "[]") ?? [];
  /** @param {string} start */
  const names = (start) =>
    Object.keys(storage)
      .filter((name) => name.startsWith(prefix + start))
      .map((name) => name.slice(prefix.length));

  const agreed = load("consent");
  const gpc = inPage && options.respectGpc !== false && /** @type {any} */ (navigator).globalPrivacyControl;
  /** @type {string} */
  let consent =
    !inPage || (gpc && !agreed) ? "denied" : (options.consent === "pending" && agreed) || options.consent || "granted";

  /** @type {any} */
  let tier1;
  /** @param {string} name @param {...unknown} values @returns {any} nothing without tier 1; one that trapped is not asked again */
  const ask = (name, ...values) => {
    try {
      return tier1?.[name](...values);
    } catch (error) {
      tier1 = 0;
      warn(error);
    }
  };

  let visitor = "";
  const who = () => {
    visitor ||= load("visitor") || uuid();
    save("visitor", visitor);
    return visitor;
  };

  // ---- Events on their way to the queue.

  /** @type {any[]} */
  let held = [];
  let waiting = true;
  let draining = 0;
  let referrer = inPage ? document.referrer : "";

  /** @type {(name: string, data?: object, user?: string | number) => void} `user` is who the visitor is from here on */
  const track = safe((name, data, user) => {
    if (consent === "denied") return;
    const id = uuid();
    const page = { url: location.href, referrer: name === "page_view" ? referrer : undefined };
    referrer = page.url;
    // A copy in the terms of JSON: what the page does to its objects afterwards does not change the event.
    held.push(copy({ ...data, id, name, at: new Date(lastMs), page, user: user?.toString() }));
    held.splice(0, held.length - QUEUE_EVENTS);
    draining ||= setTimeout(drain);
  });
  const drain = safe(() => {
    draining = 0;
    if (consent !== "granted" || !held[0] || waiting) return;
    const events = held;
    held = [];
    // A page's title often comes after its address, so it is read as late as can be.
    for (const { page } of events) page.title = document.title;
    let ready = ask("take", events);
    if (!ready) {
      ready = events.map(strip);
      // It has yet to be folded, in this page or in the next.
      save("missed", JSON.stringify([...read("missed"), ...ready]));
    }
    for (const { session, user, ...event } of ready) {
      if (user) save("user", user);
      queue.push([JSON.stringify({ visitor: who(), user: load("user"), session }), event]);
    }
    queue.splice(0, queue.length - QUEUE_EVENTS);
    // Without tier 1 they have waited for it long enough.
    if (failures || (tier1 && queue.length < BATCH_EVENTS)) later(BATCH_MS);
    else send();
  });
  /** From here on events do not wait for tier 1. */
  const release = () => {
    waiting = false;
    drain();
  };

  // ---- The queue and its sender.

  /** @type {Entry[]} */
  let queue = [];
  const own = `queue.${Math.random()}`;
  let failures = 0;
  let most = BATCH_EVENTS;
  let timer = 0;
  /** @type {Promise<void> | undefined} */
  let sending;

  /** Keeps what is unanswered for whichever page comes next; it sends the same ids again. */
  const keep = () => {
    while (JSON.stringify(queue).length > QUEUE_LENGTH) queue.splice(0, 50);
    save(own, !!queue[0] && JSON.stringify(queue));
  };
  /** @param {number} ms */
  const later = (ms) => {
    timer ||= setTimeout(send, ms);
  };
  const send = () => {
    timer = clearTimeout(timer) ?? 0;
    sending ??= (async () => {
      for (let batch = next(); batch && (await sent(batch)); ) batch = next();
    })().finally(() => {
      sending = undefined;
    });
    return sending;
  };
  /** The next batch that nobody is sending: events that share an envelope. @param {number} count @returns {{ entries: Entry[], body: string } | undefined} */
  const next = (count = most) => {
    const free = queue.filter((entry) => !entry.flying);
    if (!free[0]) return;
    const [[whose]] = free;
    const entries = free.filter((entry) => entry[0] === whose).slice(0, count);
    const body = JSON.stringify({
      ...JSON.parse(whose),
      ...ask("envelope"),
      key,
      sent_at: new Date(),
      events: entries.map(([, event]) => event),
    });
    return body.length > BATCH_LENGTH && entries[1] ? next(entries.length >> 1) : { entries, body };
  };
  /** @param {NonNullable<ReturnType<typeof next>>} batch @returns {Promise<boolean>} whether to go on */
  const sent = async ({ entries, body }) => {
    for (const entry of entries) entry.flying = true;
    let status = 0;
    let wait = 0;
    let answer;
    try {
      // A text goes as text/plain, which needs no preflight. Browsers refuse to keep more than 64 KiB alive.
      const response = await fetch(`${endpoint}/v1/events`, { method: "POST", body, keepalive: body.length < 2e4 });
      status = response.status;
      wait = Number(response.headers.get("retry-after"));
      answer = await response.json();
    } catch {
      // Whatever says 200 without an answer for each event was not the collector.
      if (status < 300) status = 0;
    }
    for (const entry of entries) entry.flying = false;
    const failed = !status || status === 408 || status === 429 || status > 499;
    if (status === 413 && entries[1]) most = entries.length >> 1;
    else if (failed) later((wait || 2 ** Math.min(failures++, 8)) * 1000 * (1 + Math.random() / 2));
    else {
      failures = 0;
      queue = queue.filter((entry) => !entries.includes(entry));
      if (status > 200) warn(status, answer);
      ask("answered", entries, answer);
    }
    keep();
    return !failed;
  };
  /** The page may be over: everything goes now, and what is unanswered is kept. */
  const leave = safe(() => {
    release();
    for (let batch = next(); batch; batch = next()) sent(batch);
    keep();
    ask("left");
  });

  // ---- Tier 1.

  /** @type {Set<{ slot?: string, call: Function }>} who wants to know of a slot's decisions, or of any change */
  const watchers = new Set();
  /** @param {{ slot?: string, call: Function }} watcher */
  const watch = (watcher) => {
    watchers.add(watcher);
    ask("tell");
    return () => watchers.delete(watcher);
  };
  /** @type {Promise<void> | undefined} */
  let waking;
  const wake = () =>
    (waking ??= (async () => {
      try {
        tier1 = await (await import("./tier1.js")).start(tier0);
        greet();
      } catch (error) {
        warn(error);
      }
      release();
    })());
  const greet = () => {
    if (consent !== "granted" || !tier1) return;
    ask("begin", who(), read("missed"));
    save("missed");
  };
  const look = () => ({ visitor, user: load("user"), consent, queue: queue.length + held.length });
  const tier0 = { options, load, save, warn, ask, track, who, watchers, look };

  // ---- The page.

  let path = "";
  const viewed = safe(() => {
    const now = location.href.split("#")[0];
    if (now !== path && capture?.page_view !== false) track("page_view");
    path = now;
  });
  const begin = () => {
    // Takes over what earlier pages left.
    for (const name of names("queue.")) {
      queue.push(...read(name));
      save(name);
    }
    keep();
    send();
    greet();
    (window.requestIdleCallback ?? setTimeout)(wake, { timeout: 500 });
    setTimeout(release, PATIENCE);
  };
  /** @param {RegExp} kept the names of what stays */
  const forget = (kept) => {
    for (const name of names("")) if (!kept.test(name)) save(name);
    visitor = "";
  };
  const deny = () => {
    forget(/^$/);
    held = [];
    queue = [];
    ask("begin", "", []);
  };

  safe(() => {
    if (consent === "denied") deny();
    if (!inPage) return;
    viewed();
    if (consent === "granted") begin();
    for (const name of /** @type {const} */ (["pushState", "replaceState"])) {
      const original = history[name];
      history[name] = (...values) => {
        drain();
        original.apply(history, values);
        viewed();
      };
    }
    addEventListener("popstate", viewed);
    addEventListener("pagehide", leave);
    addEventListener("visibilitychange", leave);
  })();

  return {
    track,
    page: () => track("page_view"),
    identify: (id, props) => track("identify", { props }, id),
    reset: safe(() => {
      release();
      forget(/^(queue|consent)/);
      greet();
    }),
    consent: safe((choice) => {
      if (!inPage || choice === consent) return;
      consent = choice;
      if (choice === "denied") deny();
      else if (choice === "granted") {
        save("consent", choice);
        begin();
      }
    }),
    decide: (slot, { fallback = null } = {}) => {
      const decision = safe(() => {
        if (consent !== "granted") return;
        wake();
        drain();
        const local = ask("decide", slot);
        if (local) return local;
        const [until, cached] = read("decisions")[slot] ?? [];
        if (until > Date.now()) return { ...cached, source: "cached" };
        const inlined = bootstrap?.decisions?.[slot];
        return inlined && { ...inlined, source: "bootstrap" };
      })();
      const nothing = { slot, offer: null, arm: null, source: "fallback", reason: "none", why: [] };
      return { ...nothing, ...decision, content: decision?.content ?? fallback };
    },
    onDecision: (slot, call) => watch({ slot, call }),
    recommend: async (...wish) => {
      try {
        if (consent === "granted") return await (await import("./tier1.js")).recommend(tier0, ...wish);
      } catch {}
      return { items: [], source: "fallback" };
    },
    segments: () => ask("segments") ?? [],
    matches: (id) => !!ask("segments")?.includes(id),
    flush: async () => {
      if (consent === "granted") await wake();
      drain();
      return send();
    },
    debug: (on) => {
      debugging = on;
    },
    inspect: () => ask("inspect") ?? { ...look(), facts: {}, segments: [], last: [], decisions: {}, sent: 0, tier: 0 },
    on: (_, call) => watch({ call }),
  };
};
