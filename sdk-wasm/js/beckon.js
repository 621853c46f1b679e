// Tier 0 of Beckon: what has to work before tier 1 (the engine, in Wasm) is there, and where it never comes.
//
// An event goes one way: track() puts it on `held` with its id and time; drain() has tier 1 clean, mask and fold what
// is held, or strips it down to what needs no mask; enqueue() puts it on the queue, which keeps it until the collector
// has answered for it. There is one sender, send(). Tier 1 is called through ask() alone, so that a trap in it only
// switches it off.
//
// Each page has a queue of its own. Tier 1 keeps its copy in storage up to date, and takes over the copies that pages
// left which are gone; a page that ends before tier 1 has come writes its copy once, as it is left.

/** How long events wait for tier 1 before they go without what it would have masked. */
const PATIENCE = 1000;
/** Tier 1 comes when the page has what it shows first; it waits for an idle moment to begin. */
const WAKE = 200;
const BATCH_MS = 2000;
const BATCH_EVENTS = 20;
/** In characters, of up to 3 bytes each: with the envelope at most 48 KiB. */
const BATCH_LENGTH = 15e3;
const QUEUE_EVENTS = 1000;

/** @typedef {import("./index.d.ts").Beckon} Beckon */
/** @typedef {{ url: string, title?: string, referrer?: string }} View a page view; its first event tells where it came from */
/**
 * An event in the queue. `whose` is the JSON of its part of the envelope, `text` its own; `flying` tells that a request
 * with it is unanswered, `part` where tier 1 keeps it.
 * @typedef {[whose: string, text: string] & { flying?: boolean, part?: string }} Entry
 */

// Other scripts may put something else in their places later.
const { parse, stringify } = JSON;
/** @type {any} */
const world = globalThis;
const { fetch } = world;

let lastMs = 0;
let sequence = 0;

/** @param {number | bigint} number @param {number} width */
const hex = (number, width) => number.toString(16).padStart(width, "0");

/** The random end of a UUID. */
const random = () => hex(crypto.getRandomValues(new BigUint64Array(1))[0], 16).replace(/.(...)/, "a$1-");

/**
 * A UUIDv7. Those of one page go upwards even within a millisecond, so that page and collector fold in one order;
 * ids of events share the page's random end, since drawing it is most of the work.
 */
const uuid = (end = own) => {
  sequence = (sequence + 1) % 4096;
  if (!sequence) lastMs++;
  lastMs = Math.max(Date.now(), lastMs);
  return `${hex(lastMs, 12).replace(/.{8}/, "$&-")}-7${hex(sequence, 3)}-${end}`;
};

const own = world.crypto && random();

/** @param {string} address @returns {string} without its hash, and of its query only campaigns and click ids */
const bare = (address) =>
  address?.replace(
    /[?#].*/,
    (rest) =>
      rest
        .match(/[?&](utm_|\w*clk?id=|[wg]braid=)[^&#]*/g)
        ?.join("")
        .replace(/^./, "?") ?? "",
  );

/** @param {any} value @param {string[]} names @returns {any} a copy in the terms of JSON, of these names only */
const pick = (value, names) => value && parse(stringify(value, names));

/** @param {any} event @returns {any} what of it may leave the page without having been masked */
const strip = ({ page, items, ...event }) => ({
  ...pick(event, ["id", "name", "at", "user", "currency", "value", "transaction_id"]),
  page: { url: bare(page?.url), referrer: bare(page?.referrer) },
  items: pick(items, ["item_id", "price", "quantity"]),
});

// By key, of all the copies of this file that a page loads.
world.__beckon ??= {};

/** @param {import("./index.d.ts").Options} options @returns {Beckon} */
export const init = (options) => (world.__beckon[options.key] ??= create(options));

/** @param {import("./index.d.ts").Options} options @returns {Beckon} */
const create = (options) => {
  const {
    key,
    endpoint,
    bootstrap,
    capture,
    respectGpc = true,
    sampling = 1,
    consent: wanted = "granted",
    beforeSend,
  } = options;
  /** Nothing on a server. */
  const page = world.document;
  const prefix = `beckon.${key}.`;

  /** @type {any} */
  let tier1;
  /** @param {string} name @param {...unknown} values @returns {any} nothing without tier 1; one that trapped is not asked again */
  const ask = (name, ...values) => {
    try {
      return tier1?.[name](...values);
    } catch (error) {
      tier1 = undefined;
      warn(error);
    }
  };

  /** @param {...unknown} words for developers; tier 1 knows when the console is theirs */
  const warn = (...words) => ask("warn", ...words);
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
    if (page && !options.cookieless) storage = localStorage ?? storage;
  })();
  /** @param {string} name */
  const load = (name) => storage[prefix + name];
  /** @type {(name: string, text?: string | false) => void} no text deletes it */
  const save = safe((name, text) => {
    if (text) storage[prefix + name] = text;
    else delete storage[prefix + name];
  });
  /** @param {string} name */
  const read = (name) => safe(parse)(load(name) || "[]") ?? [];

  const agreed = load("consent");
  /** @type {string} */
  let consent =
    !page || (respectGpc && /** @type {any} */ (navigator).globalPrivacyControl && !agreed)
      ? "denied"
      : (wanted === "pending" && agreed) || wanted;

  let visitor = "";
  /** Another tab may have begun with somebody new. */
  const who = () => {
    visitor = load("visitor") || visitor || uuid(random());
    save("visitor", visitor);
    return visitor;
  };

  // ---- Events on their way to the queue.

  /** @type {[text: string, view: View, source?: number][]} */
  let held = [];
  let waiting = true;
  let draining = 0;
  /** @type {View} the page view that events belong to */
  let view;
  let path = "";

  /** @type {(name: string, data?: object, user?: string | number, source?: number) => void} `user` is who the visitor is from here on */
  const track = safe((name, data, user, source) => {
    if (consent === "denied") return;
    // Nobody sees a page that the browser renders ahead, and most of them nobody ever will.
    if (page.prerendering) return page.addEventListener("prerenderingchange", () => track(name, data, user, source));
    const event = { ...data, id: uuid(), name, at: new Date(lastMs), user: user && `${user}` };
    // Before there is consent, nothing is held of whom it is about. It is a copy in the terms of JSON: what the page does
    // to its objects afterwards does not change the event.
    held.push([stringify(consent === "granted" ? event : strip({ ...event, user: undefined })), view, source]);
    held.splice(0, held.length - QUEUE_EVENTS);
    draining ||= setTimeout(drain);
  });
  const drain = safe(() => {
    draining = 0;
    // A page's title often comes after its address, so it is read as late as can be.
    view.title = page.title;
    if (consent !== "granted" || !held[0] || waiting) return;
    const events = held.map(([text, view, source]) => {
      const page = { ...view, source };
      view.referrer = undefined;
      return { ...parse(text), page };
    });
    held = [];
    if (ask("take", events)) return;
    const ready = stripped(events);
    // They have yet to be folded, in this page or in the next.
    save("missed", stringify([...read("missed"), ...ready].slice(-99)));
    enqueue(ready);
  });
  /** @param {any[]} events @returns {any[]} as they may leave without a mask; one that the page's hook fails on may not */
  const stripped = (events) =>
    (beforeSend ? events.flatMap((event) => safe(beforeSend)(event) || []) : events).map(strip);
  /** From here on events do not wait for tier 1. */
  const release = () => {
    waiting = false;
    drain();
  };

  // ---- The queue and its sender.

  /** @type {Entry[]} */
  const queue = [];
  let failures = 0;
  let timer = 0;
  /** @type {Promise<void> | undefined} */
  let sending;

  /** @param {any[]} events as they leave the page */
  const enqueue = (events) => {
    who();
    for (const { session, user, ...event } of events) {
      if (user) save("user", user);
      const whose = stringify({ visitor, user: load("user"), session });
      // The random end of a visitor's id is as good as a number drawn for the visitor.
      if (parseInt(visitor.slice(-4), 16) < sampling * 65536) queue.push([whose, stringify(event)]);
    }
    queue.splice(0, queue.length - QUEUE_EVENTS);
    ask("keep");
    // Without tier 1 they have waited for it long enough.
    if (failures || (tier1 && queue.length < BATCH_EVENTS)) later(BATCH_MS);
    else send();
  };
  /** @param {number} ms */
  const later = (ms) => {
    timer ||= setTimeout(send, ms);
  };
  const send = () => {
    clearTimeout(timer);
    timer = 0;
    sending ??= sent().then(() => {
      sending = undefined;
    });
    return sending;
  };
  /** The next batch that nobody is sending: events that share an envelope. */
  const next = () => {
    const first = queue.find(({ flying }) => !flying);
    if (!first) return;
    const [whose] = first;
    let room = tier0.most;
    const entries = queue.filter((entry) => {
      if (entry.flying || entry[0] !== whose) return false;
      room -= entry[1].length;
      return entry === first || room > 0;
    });
    const envelope = stringify({ ...parse(whose), ...ask("envelope"), key, sent_at: new Date() });
    const body = `${envelope.slice(0, -1)},"events":[${entries.map(([, text]) => text)}]}`;
    return { entries, body };
  };
  /** @returns {Promise<void>} when no batch is left or one has failed */
  const sent = async () => {
    const batch = next();
    if (!batch) return;
    const { entries, body } = batch;
    for (const entry of entries) entry.flying = true;
    let status = 0;
    let wait = 0;
    let answer;
    try {
      // A text goes as text/plain, which needs no preflight. What is too long to be kept alive would be refused.
      const response = await fetch(`${endpoint}/v1/events`, { method: "POST", body, keepalive: body.length < 2e4 });
      status = response.status;
      wait = Number(response.headers.get("retry-after"));
      answer = await response.json();
    } catch {
      // Whatever says 200 and is not JSON was not the collector: a network that wants a sign-in, a proxy.
      if (status < 300) status = 0;
    }
    for (const entry of entries) entry.flying = false;
    if (/^(0|408|429|5)/.test(/** @type {any} */ (status)))
      return later(Math.min(wait || 2 ** failures++, 4e3) * 1000 * (1 + Math.random() / 2));
    failures = 0;
    for (const entry of entries) queue.splice(queue.indexOf(entry) >>> 0, 1);
    ask("answered", entries, answer, status);
    return sent();
  };
  /** The page may be over: what fits into the 64 KiB that browsers keep alive goes now, and the queue is kept. */
  const leave = safe(() => {
    ask("left");
    release();
    // Of few names, so that they do not pile up where tier 1 never comes.
    if (!ask("leave")) save(`queue.${own.slice(-2)}`, queue.flat().join("\n"));
    for (let batches = 4; batches--; ) sent();
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
  const wake = () => {
    if (consent !== "granted") return;
    waking ??= import("./tier1.js")
      .then((module) => {
        tier1 = module.start(tier0);
      })
      .catch(warn);
    return waking;
  };
  /** @param {string} slot @returns {import("./index.d.ts").Decision | undefined} what an earlier page decided */
  const cached = (slot) => {
    const decision = read("decisions")[slot];
    if (decision?.until > Date.now()) return decision;
  };
  const segments = () => ask("segments") ?? [];
  const look = () => ({
    visitor,
    user: load("user"),
    decisions: {},
    consent,
    last: [],
    tier: 0,
    sent: 0,
    queue: queue.length + held.length,
    facts: {},
    segments: [],
  });
  // ---- The page.

  const viewed = safe(() => {
    const url = location.href;
    const now = capture?.page_view === "hash" ? url : url.split("#")[0];
    if (now === path) return;
    if (path) {
      // What the captures say at the end of a view still has its address and title.
      ask("left");
      drain();
    }
    path = now;
    view = { url, referrer: view?.url ?? page.referrer };
    if (capture?.page_view !== false) track("page_view");
    ask("viewed");
  });
  /** @type {import("./tier1.js").Tier0} */
  const tier0 = {
    watchers,
    stripped,
    look,
    most: BATCH_LENGTH,
    storage,
    load,
    ask,
    send,
    enqueue,
    save,
    who,
    options,
    queue,
    track,
    warn,
    release,
    viewed,
  };

  const begin = () => {
    ask("begin");
    setTimeout(wake, WAKE);
    setTimeout(release, PATIENCE);
  };
  const deny = () => {
    for (const name in storage) if (name.startsWith(prefix)) delete storage[name];
    visitor = "";
    held = [];
    queue.length = 0;
    ask("begin");
  };

  safe(() => {
    if (consent === "denied") deny();
    if (!page) return;
    viewed();
    if (consent === "granted") begin();
    // Where a browser does not tell of navigation, tier 1 sees to it.
    world.navigation?.addEventListener("currententrychange", viewed);
    addEventListener("visibilitychange", () => page.hidden && leave());
    addEventListener("pagehide", leave);
  })();

  return {
    track: (name, data) => track(name, data),
    page: () => track("page_view"),
    identify: (id, props) => track("identify", { props }, id),
    reset: safe(() => {
      release();
      // What a worker has in its hands is about who was here so far.
      ask("leave");
      for (const name of ["visitor", "user", "decisions", "missed"]) save(name);
      visitor = "";
      ask("begin");
    }),
    consent: safe((choice) => {
      if (!page || choice === consent) return;
      consent = choice;
      if (choice === "denied") deny();
      else if (choice === "granted") {
        save("consent", choice);
        begin();
      }
    }),
    decide: (slot, options) => {
      const decision = safe(() => {
        if (!wake()) return;
        drain();
        const inlined = bootstrap?.decisions?.[slot];
        return ask("decide", slot) ?? cached(slot) ?? (inlined && { ...inlined, source: "bootstrap" });
      })();
      const nothing = { slot, offer: null, arm: null, source: "fallback", reason: "none", why: [] };
      return { ...nothing, ...decision, content: decision?.content ?? options?.fallback ?? null };
    },
    onDecision: (slot, call) => watch({ slot, call }),
    recommend: async (...wish) => {
      await wake();
      return (await ask("recommend", ...wish)) ?? { items: [], source: "fallback" };
    },
    segments,
    matches: (id) => segments().includes(id),
    flush: async () => {
      await wake();
      await tier1?.ready;
      release();
      return send();
    },
    debug: (on) => {
      tier0.debugging = on;
    },
    inspect: () => ask("inspect") ?? look(),
    on: (_, call) => watch({ call }),
  };
};
