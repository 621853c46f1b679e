// `npm run demo`: the shop, the collector and its dashboard on this machine, from a bare checkout.
//   --fresh     forget what earlier demos stored
//   --no-live   no sample shoppers besides you
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildCollector, buildShop } from "./build.mjs";
import { buildSdk } from "./build-sdk.mjs";
import { Failure, freePort, interrupted, main, note, root, start, step, stop } from "./run.mjs";
import { nodeModules, toolchain } from "./setup.mjs";

const data = join(root, "beckon-data-demo");
const keyFile = `${data}.keys.json`;

/**
 * Starts a collector on the demo's data and waits until it is ready.
 * @param {string} program
 * @param {number} port
 */
export async function startCollector(program, port) {
  if (!existsSync(keyFile)) {
    const key = (/** @type {string} */ kind) => `${kind}_${randomBytes(24).toString("hex")}`;
    const keys = { BECKON_PUBLIC_KEY: key("pk"), BECKON_SECRET_KEY: key("sk") };
    writeFileSync(keyFile, JSON.stringify(keys), { mode: 0o600 });
  }
  /** @type {{ BECKON_PUBLIC_KEY: string, BECKON_SECRET_KEY: string }} */
  const keys = JSON.parse(readFileSync(keyFile, "utf8"));
  const endpoint = `http://127.0.0.1:${port}`;
  let signIn = "";
  const child = start(program, ["serve", "--data", data, "--listen", `127.0.0.1:${port}`], {
    env: keys,
    mark: "collector │",
    onLine: (line) => {
      signIn ||= /sign in: (\S+)/.exec(line)?.[1] ?? "";
    },
  });
  /** @type {Promise<string>} */
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    child.once("close", (code, signal) => resolve(`ended with ${signal ?? code}`));
  });
  let over = "";
  ended.then((how) => {
    over = how;
  });
  for (const deadline = Date.now() + 30_000; ; ) {
    if (over) throw new Failure(`The collector ${over}.`);
    const ready = await fetch(`${endpoint}/readyz`).catch(() => null);
    if (ready?.ok) break;
    if (Date.now() > deadline) throw new Failure("The collector did not become ready within 30 seconds.");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { BECKON_PUBLIC_KEY: publicKey, BECKON_SECRET_KEY: secretKey } = keys;
  return { child, ended, endpoint, publicKey, secretKey, signIn: () => signIn };
}

/**
 * The shop, set up through the collector's API and served on a port of its own.
 * @param {{ endpoint: string, publicKey: string, secretKey: string, live: boolean }} options
 * @returns {Promise<{ url: string, stop: () => Promise<unknown> }>}
 */
export async function startShop(options) {
  const { start: startServer } = await import(new URL("../web-demo/serve.mjs", import.meta.url).href);
  return startServer({ ...options, port: await freePort(8780) });
}

/** Removes what earlier demos stored, keys included. */
export function forget() {
  for (const path of [data, keyFile, `${data}.key`]) rmSync(path, { recursive: true, force: true });
}

await main(import.meta.url, async () => {
  const { values } = parseArgs({
    options: { fresh: { type: "boolean" }, "no-live": { type: "boolean" }, "no-open": { type: "boolean" } },
  });
  await toolchain();
  await nodeModules();
  await buildSdk();
  await buildShop();
  const program = await buildCollector("release");
  if (values.fresh) forget();
  const port = await freePort(8787);
  const collector = await step("Start the collector", () => startCollector(program, port));
  const shop = await step("Set up the shop", () => startShop({ ...collector, live: !values["no-live"] }));
  console.log(`
  Shop       ${shop.url}
  Dashboard  ${collector.signIn()}   (signs in once; ${collector.endpoint} afterwards)

  Ctrl-C ends both; what was stored stays in ${data}.
`);
  let running = collector;
  for (let since = Date.now(); ; since = Date.now()) {
    const died = await Promise.race([interrupted(), running.ended]);
    if (!died) break;
    if (Date.now() - since < 5000) throw new Failure(`The collector ${died}.`);
    note(`The collector ${died}; starting it again on the same data.`);
    running = await startCollector(program, port);
  }
  await shop.stop();
  await stop(running.child);
  process.exit(0);
});
