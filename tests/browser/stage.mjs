/** What the browser tests stand on: a collector of their own, real Chromium, and a way to wait for conditions. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const root = fileURLToPath(new URL("../../", import.meta.url));

const PUBLIC_KEY = "pk_browsertests0000000001";
const SECRET_KEY = "sk_browsertests0000000001";

/** The flags keep Chromium from talking to the network by itself; the sandbox needs rights that containers have not. */
export const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Headless Chromium says so, and the collector filters it like any bot.
  "--user-agent=Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
];

/**
 * Starts the built collector on a fresh folder; it ends with the test.
 * @param {import("node:test").TestContext} test
 */
export async function collector(test) {
  const folder = await mkdtemp(join(tmpdir(), "beckon-"));
  const binary = process.env.BECKON_BIN ?? join(root, "target", "debug", "beckon");
  const data = join(folder, "data");
  let port = 0;
  /** @type {import("node:child_process").ChildProcess | undefined} */
  let child;
  let link = "";

  async function start() {
    child = spawn(binary, ["serve", "--data", data, "--listen", `127.0.0.1:${port}`], {
      env: { ...process.env, BECKON_PUBLIC_KEY: PUBLIC_KEY, BECKON_SECRET_KEY: SECRET_KEY },
      stdio: ["ignore", "pipe", "inherit"],
    });
    assert(child.stdout);
    for await (const line of createInterface({ input: child.stdout })) {
      port = Number(/listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1] ?? port);
      link = /sign in: (\S+)/.exec(line)?.[1] ?? link;
      if (line.includes("sign in")) break;
    }
    assert(port > 0, "the collector did not come up");
  }

  /** Ends the process by this signal and waits for it. @param {NodeJS.Signals} signal */
  async function end(signal) {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  await start();
  test.after(async () => {
    await end("SIGTERM");
    await rm(folder, { recursive: true, force: true });
  });

  return {
    publicKey: PUBLIC_KEY,
    secretKey: SECRET_KEY,
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    /** The folder of the data. */
    data,
    /** The one-time sign-in link of the latest start. */
    get link() {
      return link;
    },
    end,
    /** Comes back on the same folder and port. */
    start,
    /**
     * Asks with the secret key; anything but 2xx fails the test.
     * @param {string} method @param {string} path @param {unknown} [body]
     */
    async call(method, path, body) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: { authorization: `Bearer ${SECRET_KEY}`, "content-type": "application/json" },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const text = await answer.text();
      assert(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
      return answer.headers.get("content-type")?.includes("json") && !path.includes("ndjson") ? JSON.parse(text) : text;
    },
  };
}

/**
 * Real Chromium; it ends with the test.
 * @param {import("node:test").TestContext} test
 * @param {import("playwright-core").LaunchOptions} [options]
 */
export async function browser(test, options) {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const launched = await chromium.launch({ executablePath, args: FLAGS, ...options });
  test.after(() => launched.close());
  return launched;
}

/**
 * Serves on a port of its own until the test ends.
 * @param {{ after: (end: () => void) => void }} test @param {import("node:http").RequestListener} listener
 * @returns {Promise<string>} its address
 */
export async function listening(test, listener) {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  test.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${/** @type {import("node:net").AddressInfo} */ (server.address()).port}`;
}

/** @type {Record<string, string>} */
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

/**
 * Serves the built package and an empty page, on an origin of its own; under /js/ what the package is built from.
 * @param {import("node:test").TestContext} test
 */
export async function packageServer(test) {
  return listening(test, async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === "/")
      return response.setHeader("content-type", "text/html").end("<!doctype html><title>page</title>");
    try {
      const folder = pathname.startsWith("/js/") ? "sdk-wasm" : "sdk-wasm/dist";
      const bytes = await readFile(join(root, folder, pathname));
      response.setHeader("content-type", TYPES[extname(pathname)] ?? "text/plain").end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
}

/**
 * Asks again until it holds, within half a minute.
 * @template T
 * @param {string} what @param {() => Promise<T> | T} ask
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(what, ask) {
  const end = Date.now() + 30_000;
  let last;
  do {
    try {
      const answer = await ask();
      if (answer) return answer;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  } while (Date.now() < end);
  throw new Error(`not within 30 s: ${what}`, { cause: last });
}

/** JSON in the canonical form of RFC 8785: sorted keys, numbers and texts as JavaScript writes them. @param {any} value @returns {string} */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}
