/**
 * The demo shop as a server: it sets the shop up in a collector, fills an empty site with sample visits, serves the
 * built pages and lets sample shoppers come and go until it is stopped. Node's own modules only.
 */
import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { OFFERS, SEGMENTS, SLOTS } from "./src/offers.js";
import { catalogue, dice, uuidv7, visits } from "./traffic.mjs";

/**
 * @typedef {import("./traffic.mjs").SampleEvent} SampleEvent
 * @typedef {{ id: string, status: string, code?: string, path?: string, detail?: string }} Result
 * @typedef {{ done?: boolean, tooLarge?: boolean, problem?: string }} Outcome
 */

const DIST = fileURLToPath(new URL("dist/", import.meta.url));
const HOUR = 3_600_000;

const SAMPLE_VISITS = 300;
const SAMPLE_HOURS = 48;
/** The same shoppers on every machine, so that the demo's pictures look alike everywhere. */
const SAMPLE_SEED = 20_261_122;
/** Half of what a request may hold: far from the limit of 500 and of 256 KiB. */
const BATCH = 200;
/** Shoppers in the shop at the same time while `live`. */
const CROWD = 12;
const LONGEST_PAUSE = 8000;
/** A request that hangs would hold up all later events. */
const PATIENCE = 15_000;

/** @type {Record<string, string>} */
const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".map": "application/json; charset=utf-8",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
};

/**
 * Sets the shop up in the collector at `endpoint` and serves it on 127.0.0.1.
 * `live` lets sample shoppers come and go, about one event a second; `sample` fills a site that has no events yet.
 * Resolves to `{url, stop()}`; `stop()` resolves to what became of the sample events: `{stored, duplicate, refused, unsent}`.
 * @param {{ endpoint: string, publicKey: string, secretKey: string, port?: number, live?: boolean, sample?: boolean }} options
 */
export async function start({ endpoint, publicKey, secretKey, port = 0, live = true, sample = true }) {
  const collector = new Collector(endpoint, secretKey);
  await requireBuild();
  await setUp(collector);
  if (sample && (await collector.call("GET", "/v1/site")).events === 0) await seed(collector);

  const server = createServer(shop({ endpoint, publicKey }));
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(undefined));
  });
  const bound = /** @type {import("node:net").AddressInfo} */ (server.address());
  const endTraffic = live ? trickle(collector) : async () => 0;

  return {
    url: `http://127.0.0.1:${bound.port}`,
    async stop() {
      const unsent = await endTraffic();
      if (unsent > 0) complain(`${unsent} sample events were never answered and are lost with this process`);
      await new Promise((resolve) => {
        server.close(() => resolve(undefined));
        server.closeAllConnections();
      });
      return { ...collector.totals, unsent };
    },
  };
}

async function requireBuild() {
  const built = await stat(join(DIST, "index.html")).catch(() => null);
  if (!built) throw new Error("web-demo/dist/index.html is missing: build the shop first with `npm run build`");
}

/** Catalogue first, then what the slots show, then the offers that name both. @param {Collector} collector */
async function setUp(collector) {
  await collector.call("PUT", "/v1/items", catalogue());
  for (const { id, ...segment } of SEGMENTS) await collector.call("PUT", `/v1/segments/${id}`, segment);
  for (const { id, ...slot } of SLOTS) await collector.call("PUT", `/v1/slots/${id}`, slot);
  for (const { id, ...offer } of OFFERS) await collector.call("PUT", `/v1/offers/${id}`, offer);
}

/** @param {Collector} collector */
async function seed(collector) {
  const now = Date.now();
  const past = visits({ seed: SAMPLE_SEED, count: SAMPLE_VISITS, from: now - SAMPLE_HOURS * HOUR, to: now });
  const events = [...past].flatMap((visit) => visit.events);
  for (let first = 0; first < events.length; first += BATCH) {
    await collector.deliver(events.slice(first, first + BATCH));
  }
}

/** Lets shoppers act, one event about every second, and returns the function that ends it and tells what is unsent. @param {Collector} collector */
function trickle(collector) {
  const ending = new AbortController();
  const random = dice(Date.now());
  /** @type {SampleEvent[][]} */
  const crowd = [];
  /** @type {SampleEvent[][]} */
  let newcomers = [];
  /** @type {SampleEvent[]} */
  let pending = [];

  const act = () => {
    const now = Date.now();
    while (crowd.length < CROWD) {
      if (newcomers.length === 0) {
        const coming = visits({ seed: random() * 2 ** 32, count: 60, from: now, to: now + HOUR });
        newcomers = [...coming].map((visit) => visit.events);
      }
      crowd.push(...newcomers.splice(0, 1));
    }
    const at = Math.floor(random() * crowd.length);
    const [planned] = crowd[at].splice(0, 1);
    if (crowd[at].length === 0) crowd.splice(at, 1);
    // The visit was planned ahead; what happens now gets the time and the id of now, and keeps them on every try.
    pending.push({ ...planned, id: uuidv7(now, random), at: new Date(now).toISOString() });
  };

  const acting = (async () => {
    while (!ending.signal.aborted) {
      act();
      await pause(600 + random() * 800, ending.signal);
    }
  })();
  const sending = (async () => {
    while (!ending.signal.aborted) {
      const batch = pending.slice(0, BATCH);
      if (batch.length > 0 && (await collector.deliver(batch, ending.signal))) pending = pending.slice(batch.length);
      await pause(700, ending.signal);
    }
  })();

  return async () => {
    ending.abort();
    await Promise.all([acting, sending]);
    // One last try with a limit of its own, since the loops above have just been told to stop.
    const limit = AbortSignal.timeout(2000);
    while (pending.length > 0 && (await collector.deliver(pending.slice(0, BATCH), limit)))
      pending = pending.slice(BATCH);
    return pending.length;
  };
}

/** The collector as its operator sees it: the management calls, and the delivery of events that loses none. */
class Collector {
  #endpoint;
  #headers;
  totals = { stored: 0, duplicate: 0, refused: 0 };

  /** @param {string} endpoint @param {string} secretKey */
  constructor(endpoint, secretKey) {
    this.#endpoint = endpoint.replace(/\/$/, "");
    this.#headers = { authorization: `Bearer ${secretKey}`, "content-type": "application/json" };
  }

  /** @param {string} method @param {string} path @param {unknown} [body] @param {AbortSignal} [signal] */
  #request(method, path, body, signal) {
    return fetch(this.#endpoint + path, {
      method,
      headers: this.#headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
    });
  }

  /**
   * A management call; anything but a 2xx answer is an error that says what the collector said.
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   */
  async call(method, path, body) {
    const answer = await this.#request(method, path, body);
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status}: ${text.slice(0, 300)}`);
    return text ? JSON.parse(text) : null;
  }

  /**
   * Sends events until the collector has answered for them: with the same ids after every failure, so that nothing is
   * lost and nothing is stored twice. Resolves to false only if `signal` ended it first.
   * @param {SampleEvent[]} events
   * @param {AbortSignal} [signal]
   * @returns {Promise<boolean>}
   */
  async deliver(events, signal) {
    for (let tries = 0, wait = 500; !signal?.aborted; tries += 1, wait = Math.min(wait * 2, LONGEST_PAUSE)) {
      const outcome = await this.#attempt(events, signal);
      if (outcome.done) {
        if (tries > 0)
          complain(`the collector answers again; ${events.length} sample events delivered after ${tries + 1} tries`);
        return true;
      }
      if (outcome.tooLarge && events.length > 1) {
        const half = Math.ceil(events.length / 2);
        return (await this.deliver(events.slice(0, half), signal)) && (await this.deliver(events.slice(half), signal));
      }
      if (signal?.aborted) break;
      if (tries === 0)
        complain(`${outcome.problem}; the same ${events.length} sample events are tried again until it answers`);
      await pause(wait, signal);
    }
    return false;
  }

  /** @param {SampleEvent[]} events @param {AbortSignal} [signal] @returns {Promise<Outcome>} */
  async #attempt(events, signal) {
    let answer;
    let text;
    const limit = AbortSignal.timeout(PATIENCE);
    const ending = signal ? AbortSignal.any([signal, limit]) : limit;
    try {
      answer = await this.#request("POST", "/v1/events", { sent_at: new Date().toISOString(), events }, ending);
      text = await answer.text();
    } catch (error) {
      return { problem: `the collector does not answer (${reason(error)})` };
    }
    if (answer.status === 200) {
      this.#count(JSON.parse(text).results);
      return { done: true };
    }
    const problem = `the collector answered ${answer.status}: ${text.slice(0, 300)}`;
    if (answer.status === 413 && events.length > 1) return { tooLarge: true, problem };
    if (answer.status === 408 || answer.status === 429 || answer.status >= 500) return { problem };
    // Any other 4xx would be answered the same way for ever.
    complain(`${problem}; ${events.length} sample events dropped`);
    this.totals.refused += events.length;
    return { done: true };
  }

  /** @param {Result[]} results */
  #count(results) {
    for (const result of results) {
      if (result.status === "stored") this.totals.stored += 1;
      else if (result.status === "duplicate") this.totals.duplicate += 1;
      else {
        this.totals.refused += 1;
        complain(
          `sample event ${result.id} was ${result.status}: ${result.code} ${result.path ?? ""} ${result.detail ?? ""}`,
        );
      }
    }
  }
}

/** @param {unknown} error fetch says only that it failed; the cause says why. */
function reason(error) {
  if (!(error instanceof Error)) return String(error);
  const cause = /** @type {{ code?: string } | undefined} */ (error.cause);
  return cause?.code ?? error.message;
}

/** @param {string} sentence */
function complain(sentence) {
  process.stderr.write(`demo shop: ${sentence}\n`);
}

/**
 * Waits, but not longer than until `signal` says that it is over.
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done);
  });
}

/** Answers for the shop's pages: a file of the build, the page's two settings, or the one page that draws every path. @param {{ endpoint: string, publicKey: string }} options */
function shop({ endpoint, publicKey }) {
  const settings = JSON.stringify({ endpoint, key: publicKey });
  const policy = [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self'",
    "img-src 'self'",
    "worker-src 'self'",
    `connect-src 'self' ${new URL(endpoint).origin}`,
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");

  /** @type {import("node:http").RequestListener} */
  return async (request, response) => {
    /** @type {(status: number, body: string | Buffer, headers: import("node:http").OutgoingHttpHeaders) => void} */
    const answer = (status, body, headers) => {
      response.writeHead(status, {
        "content-security-policy": policy,
        "referrer-policy": "strict-origin-when-cross-origin",
        "x-content-type-options": "nosniff",
        "content-length": Buffer.byteLength(body),
        ...headers,
      });
      response.end(request.method === "HEAD" ? undefined : body);
    };
    const plain = { "content-type": TYPES[".txt"] };
    if (request.method !== "GET" && request.method !== "HEAD") {
      return answer(405, "This shop only answers GET and HEAD.\n", { ...plain, allow: "GET, HEAD" });
    }
    const path = pathOf(request.url ?? "/");
    if (path === null) return answer(400, "This is not an address of the shop.\n", plain);
    if (path === "/beckon.json") {
      return answer(200, settings, { "content-type": TYPES[".json"], "cache-control": "no-store" });
    }
    const extension = extname(path);
    const name = extension ? path : "/index.html";
    const file = await readFile(join(DIST, name)).catch(() => null);
    if (!file) return answer(404, "Not here.\n", plain);
    // The names under /assets/ change with their content.
    const cache = name.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache";
    return answer(200, file, {
      "content-type": TYPES[extension || ".html"] ?? "application/octet-stream",
      "cache-control": cache,
    });
  };
}

/** The path of a request, or null where it is malformed or would leave the folder of the build. @param {string} address */
function pathOf(address) {
  try {
    const path = decodeURIComponent(new URL(address, "http://shop.invalid").pathname);
    const normal = normalize(path);
    return normal.includes("\0") || normal.split(sep).includes("..") ? null : normal;
  } catch {
    return null;
  }
}
