/**
 * The two origins of the bench: the shop with its pages and scripts, and one collector that stands in for every
 * peer's endpoints. Both are on 127.0.0.1 but on ports of their own, so that what needs a preflight asks for one.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname } from "node:path";
import { brotliCompressSync, constants, gunzipSync } from "node:zlib";

/** @typedef {import("./peers.mjs").Peer} Peer */
/**
 * A request to the collector. `bytes` counts what the page had to say: the body and the query; `text` is the same,
 * unpacked, so that an event can be looked for.
 * @typedef {{ at: number, method: string, path: string, bytes: number, text: string }} Seen
 */

/** How long everything but the ingest endpoints takes where the bench asks for a slow network. */
const SLOW_MS = 3_000;

/** @type {Record<string, string>} */
const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm" };

/** @param {Buffer} bytes what a server would send of them, compressed as well as brotli can */
export function brotli(bytes) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return brotliCompressSync(bytes, { params });
}

/** @param {import("node:http").RequestListener} listener */
async function listen(listener) {
  const server = createServer({ keepAliveTimeout: 60_000 }, listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}`, close };
}

/**
 * @param {Peer[]} peers with what each answers
 */
export async function collector(peers) {
  const state = {
    /** @type {Seen[]} */ seen: [],
    /** Whether everything but the ingest endpoints is slow. */ slow: false,
    /** Whether the connection of every request is cut. */ offline: false,
  };
  const server = await listen(async (request, response) => {
    if (state.offline) return request.socket.destroy();
    const { pathname, search, searchParams } = new URL(request.url ?? "/", "http://localhost");
    const { origin = "*", "access-control-request-headers": asked } = request.headers;
    response.setHeader("access-control-allow-origin", origin).setHeader("access-control-allow-credentials", "true");
    const peer = peers.find(({ ingest, answers }) => ingest.test(pathname) || answers(pathname, "", searchParams));
    /** @type {Buffer[]} */
    const parts = [];
    try {
      for await (const part of request) parts.push(part);
    } catch {
      // The page was gone before its request was whole: nothing arrived.
      return;
    }
    const body = Buffer.concat(parts);
    const text = unpack(body) + decodeURIComponent(search.replaceAll("%", "%25"));
    state.seen.push({
      at: performance.now(),
      method: request.method ?? "",
      path: pathname,
      bytes: body.length + search.length,
      text,
    });
    if (request.method === "OPTIONS") {
      const headers = { "access-control-allow-headers": asked ?? "*", "access-control-max-age": "7200" };
      return response.writeHead(204, { ...headers, "access-control-allow-methods": "GET, POST, PUT" }).end();
    }
    if (state.slow && !peer?.ingest.test(pathname)) await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    const answer = peer?.answers(pathname, text, searchParams);
    if (answer === undefined) return response.writeHead(404).end();
    response.setHeader("content-type", typeof answer === "string" ? "text/plain" : "application/json");
    response.end(typeof answer === "string" ? answer : JSON.stringify(answer));
  });
  return Object.assign(state, server);
}

/** @param {Buffer} body as text, whatever it was packed in */
function unpack(body) {
  const text = (body[0] === 0x1f && body[1] === 0x8b ? gunzipSync(body) : body).toString();
  const inner = (/** @type {string} */ packed) => Buffer.from(packed, "base64").toString();
  if (!/^(data|ip)=/.test(text)) return text.replaceAll(/(?<="ue_px":")[^"]+/g, inner);
  const data = new URLSearchParams(text).get("data") ?? "";
  return /^[\w+/]+=*$/.test(data) ? inner(data) : data;
}

/**
 * The shop: any page of `/<peer>/...` is the same page with that peer in it, and `/none/...` is the page alone.
 * @param {Peer[]} peers @param {string} endpoint the collector's address
 */
export async function shop(peers, endpoint) {
  const state = {
    /** Whether everything but the pages and the first scripts is slow. */ slow: false,
    /** @type {Set<string>} what the pages have loaded, by address */ loaded: new Set(),
  };
  /** @type {Map<string, Buffer>} */
  const packed = new Map();
  const server = await listen(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    const [, name, ...rest] = pathname.split("/");
    const peer = peers.find((one) => one.name === name);
    // The page's clock ticks in steps of 5 microseconds only where nothing of another origin is inside of it.
    if (searchParams.has("fine")) {
      response.setHeader("cross-origin-opener-policy", "same-origin");
      response.setHeader("cross-origin-embedder-policy", "require-corp");
    }
    if (rest[0] !== "static") {
      const html = page(peer, endpoint, searchParams.get("then") ?? "");
      return response.setHeader("content-type", "text/html; charset=utf-8").end(html);
    }
    const file = peer?.files.find((one) => one.name === rest.slice(1).join("/"));
    if (!file) return response.writeHead(404).end();
    state.loaded.add(pathname);
    if (state.slow && !file.first) await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    const bytes = readFileSync(file.path);
    response.setHeader("content-type", TYPES[extname(file.name)] ?? "text/plain");
    response.setHeader("cross-origin-resource-policy", "cross-origin").setHeader("cache-control", "max-age=3600");
    if (!/\bbr\b/.test(`${request.headers["accept-encoding"]}`)) return response.end(bytes);
    const sent = packed.get(pathname) ?? brotli(bytes);
    packed.set(pathname, sent);
    response.setHeader("content-encoding", "br").end(sent);
  });
  return Object.assign(state, server);
}

/**
 * A product page as shops have them. `then` is what the page does when its script has run: it tracks one event, so
 * that nobody has to reach into the page and cost it something.
 * @param {Peer | undefined} peer @param {string} endpoint @param {string} then
 */
function page(peer, endpoint, then) {
  const items = Array.from({ length: 24 }, (_, index) => {
    const price = `${19 + index}.90 €`;
    return `<li><a href="/p/${index}"><img alt="Boot ${index}" width="80" height="80"><b>Boot ${index}</b></a> ${price}</li>`;
  });
  const track = `shop.track("add_to_cart",{currency:"EUR",value:89,items:[{item_id:"sku7",item_name:"Boot",price:89,quantity:1}]})`;
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Boots of the bench</title>
<link rel="icon" href="data:,"><script>var endpoint=${JSON.stringify(endpoint)},ran=()=>{${then === "track" ? track : ""}};</script>
${peer?.tags(`/${peer.name}/static`, endpoint) ?? ""}</head><body><header><nav><a href="/">Home</a> <a href="/boots">Boots</a></nav></header>
<main><h1>Boot</h1><button id="size">Size 42</button><button id="color">Red</button><button id="buy">Add to the cart</button>
<ul>${items.join("")}</ul></main><footer><a href="/terms">Terms</a></footer></body></html>`;
}
