// The engine in Wasm and the border to it: one function over one buffer of bytes. The other side, and the form of the
// bytes, is in src/border.rs.
import { source as own } from "./source.js";

/**
 * An event in the form of the wire.
 * @typedef {object} WireEvent
 * @property {string} id
 * @property {string} name
 * @property {string} at RFC 3339
 * @property {string} [session]
 * @property {{ url?: string, title?: string, referrer?: string }} [page]
 * @property {object[]} [items]
 * @property {string} [currency]
 * @property {number} [value]
 * @property {string} [transaction_id]
 * @property {Record<string, unknown>} [props]
 */

/** How deep values may nest; what lies deeper reads as null, since what the page holds may be a circle. */
const MAX_DEPTH = 12;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @type {any} the exports of the module */
let wasm;
let bytes = new DataView(new ArrayBuffer(1 << 12));
let at = 0;

/** Makes room for so many bytes more. @param {number} more */
const room = (more) => {
  if (at + more <= bytes.byteLength) return;
  const grown = new Uint8Array(2 * (at + more));
  grown.set(new Uint8Array(bytes.buffer));
  bytes = new DataView(grown.buffer);
};

/** @param {number} size */
const putSize = (size) => {
  bytes.setUint32(at, size, true);
  at += 4;
};

/** @param {string} text */
const putText = (text) => {
  room(4 + 3 * text.length);
  const { written } = encoder.encodeInto(text, new Uint8Array(bytes.buffer, at + 4));
  putSize(written);
  at += written;
};

/** What JSON cannot say (functions, symbols, `NaN`) becomes null. @param {any} value @param {number} depth */
const put = (value, depth) => {
  room(9);
  const tag = at++;
  let kind = 0;
  if (typeof value === "boolean") kind = value ? 2 : 1;
  else if (typeof value === "number") {
    kind = 3;
    bytes.setFloat64(at, value, true);
    at += 8;
  } else if (typeof value === "string") {
    kind = 4;
    putText(value);
  } else if (typeof value === "object" && value && depth < MAX_DEPTH) {
    kind = Array.isArray(value) ? 5 : 6;
    // A key without a value is no key, as in JSON.
    const keys = kind > 5 && Object.keys(value).filter((key) => value[key] !== undefined);
    putSize((keys || value).length);
    for (const entry of keys || value) {
      if (keys) putText(entry);
      put(keys ? value[entry] : entry, depth + 1);
    }
  }
  bytes.setUint8(tag, kind);
};

const size = () => {
  at += 4;
  return bytes.getUint32(at - 4, true);
};

const text = () => {
  const length = size();
  at += length;
  return decoder.decode(new Uint8Array(bytes.buffer, at - length, length));
};

/** @returns {any} */
const get = () => {
  const kind = bytes.getUint8(at++);
  if (kind < 3) return kind ? kind > 1 : null;
  if (kind < 4) {
    at += 8;
    return bytes.getFloat64(at - 8, true);
  }
  if (kind < 5) return text();
  const entries = Array.from({ length: size() }, () => (kind > 5 ? [text(), get()] : get()));
  return kind > 5 ? Object.fromEntries(entries) : entries;
};

/**
 * Calls a function by its number; a trap throws.
 * @param {number} number @param {...unknown} values
 */
const call = (number, ...values) => {
  at = 0;
  put(values, 0);
  const own = bytes;
  // The memory may grow in any of its calls, which leaves views of it behind.
  const start = wasm.room(at);
  new Uint8Array(wasm.memory.buffer).set(new Uint8Array(own.buffer, 0, at), start);
  at = wasm.room(wasm.call(number, at));
  bytes = new DataView(wasm.memory.buffer);
  const answer = get();
  bytes = own;
  return answer;
};

/** Times are numbers behind the border. @param {any} time */
const ms = (time) => (time == null ? time : Date.parse(time));
/** @param {number} number @param {any[]} events */
const timed = (number, events) => {
  const taken = call(
    number,
    events.map((event) => ({ ...event, at: ms(event.at) })),
  );
  for (const event of taken) if (!event.code) event.at = new Date(event.at).toISOString();
  return taken;
};

/**
 * Loads the module: once, before anything else is called.
 * @param {URL | string | BufferSource | WebAssembly.Module} [given] where it is, or itself
 */
export const load = async (given) => {
  /** @type {any} */
  let source = given ?? (await own());
  if (typeof source === "string" || source instanceof URL) {
    const response = await fetch(source);
    // Servers that do not know the type are many, and streaming insists on it.
    const streamed = /wasm/.test(response.headers.get("content-type") ?? "");
    source = await (streamed ? WebAssembly.compileStreaming(response) : response.arrayBuffer());
  }
  const made = /** @type {any} */ (await WebAssembly.instantiate(source));
  wasm = (made.instance ?? made).exports;
};

/**
 * Begins with what the browser remembers of a visitor; again when the visitor is another one.
 * @param {string} visitor @param {string} [kept] what kept() gave
 */
export const start = (visitor, kept) => call(0, visitor, kept);
/** What is to be remembered of the visitor. @returns {string} */
export const kept = () => call(1);
/**
 * Reads, cleans, masks and folds events in the order in which they were made. Gives for each the event as it may leave
 * the page, or `{code, path}` where it cannot be used.
 * @param {object[]} events @returns {any[]}
 */
export const take = (events) => timed(2, events);
/** take() without the fold. @param {object[]} events @returns {any[]} */
export const clean = (events) => timed(3, events);
/** Takes a bundle for all further decisions; gives its version, 0 for what is no bundle. @param {any} bundle @returns {number} */
export const learn = (bundle) =>
  call(4, {
    ...bundle,
    offers: bundle?.offers?.map?.((/** @type {any} */ offer) => ({
      ...offer,
      starts: ms(offer?.starts),
      ends: ms(offer?.ends),
    })),
  });
/** Takes what only the collector knows of the visitor from the `decision` of one of its answers. @param {unknown} decision */
export const told = (decision) => call(5, decision);
/**
 * The decision for a slot at a time in milliseconds, with every rule tried where `debug` is true; null before a bundle
 * has come.
 * @param {string} slot @param {number} now @param {boolean} [debug] @returns {any}
 */
export const decide = (slot, now, debug) => call(6, slot, now, debug);
/** Facts, segments and session of the visitor at a time. @param {number} now @returns {any} */
export const standing = (now) => call(7, now);
