/**
 * `npm run bench -- ingest [--seconds 6] [--events 10000000]`: acknowledged, durable events a second, as a page sends
 * them, beside the ceilings of the same run: a server that parses and answers without storing, and raw inserts of the
 * same rows into the same table with the same indexes. Then how it moves as the store grows, and once with a disk whose
 * fsync takes 5 ms. Every acknowledged event must be there at the end, and `beckon verify` must find all as counted.
 */
import { execFile } from "node:child_process";
import { mkdtemp, open, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { buildCollector, targetFolder } from "../../scripts/build.mjs";
import { Failure, root, run, start, stop } from "../../scripts/run.mjs";

const KEY = "pk_benchbenchbenchbench01";
const SECRET = "sk_benchbenchbenchbench01";
const { values: options } = parseArgs({
  options: { seconds: { type: "string", default: "6" }, events: { type: "string", default: "10000000" } },
});
const program = (/** @type {string} */ name) => join(targetFolder, "release", name);
const call = promisify(execFile);

/** @param {string[]} words */
const load = async (...words) => JSON.parse((await call(program("load"), words)).stdout);

/**
 * Starts a server and gives its address, once it says it.
 * @param {string} command @param {string[]} words @param {Record<string, string>} [env]
 */
async function listen(command, words, env) {
  /** @type {(address: string) => void} */
  let found = () => {};
  const address = new Promise((resolve) => {
    found = resolve;
  });
  const child = start(command, words, {
    env,
    mark: " ",
    onLine: (line) => {
      const at = /listening on http:\/\/(\S+)/.exec(line)?.[1];
      if (at) found(at);
    },
  });
  return { child, address: await address };
}

/** A collector over a new folder, and the most memory and log that it had while it was loaded. */
class Collector {
  acknowledged = 0;
  rss = 0;
  wal = 0;
  /** @type {Awaited<ReturnType<typeof listen>> | undefined} */
  server;

  /** @param {string} folder @param {Record<string, string>} [env] */
  constructor(folder, env) {
    this.data = join(folder, "data");
    this.env = env;
  }

  async start() {
    this.server = await listen(
      program("beckon"),
      ["serve", "--data", this.data, "--listen", "127.0.0.1:0", "--limits-client-rate", "0", "--log", "warn"],
      { ...this.env, BECKON_PUBLIC_KEY: KEY, BECKON_SECRET_KEY: SECRET },
    );
  }

  get running() {
    if (!this.server) throw new Failure("The collector was not started.");
    return this.server;
  }

  /** @param {number} batch @param {number} connections @param {string[]} more */
  async send(batch, connections, ...more) {
    const watch = setInterval(() => this.#look(), 100);
    const sent = await send(this.running.address, batch, connections, ...more);
    clearInterval(watch);
    if (sent.failed > 0 || sent.refused > 0 || (sent.busy > 0 && !more.includes("--hurried")))
      throw new Failure(`Not all was stored: ${JSON.stringify(sent)}`);
    this.acknowledged += sent.acknowledged;
    return sent;
  }

  async #look() {
    // Only Linux says it here; elsewhere the columns stay empty.
    const status = await readFile(`/proc/${this.running.child.pid}/status`, "utf8").catch(() => "");
    this.rss = Math.max(this.rss, Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024);
    const log = await stat(join(this.data, "beckon.db-wal")).catch(() => ({ size: 0 }));
    this.wal = Math.max(this.wal, log.size);
  }

  async verify() {
    const begun = performance.now();
    const { stdout } = await call(program("beckon"), ["verify", "--data", this.data], { maxBuffer: 1 << 24 });
    const seconds = (performance.now() - begun) / 1000;
    console.log(`${stdout.trim()} (${seconds.toFixed(0)} s)`);
    if (!stdout.includes(`${this.acknowledged} events`)) {
      throw new Failure(`What is stored is not what was acknowledged: ${this.acknowledged}.`);
    }
  }

  /** Bytes of an event on disk: in all, and those of the visitors' facts. */
  async sizes() {
    const { events, tables } = await load("sizes", "--from", join(this.data, "beckon.db"));
    const facts = ["visitors", "checkpoints"].reduce((sum, name) => sum + (tables[name] ?? 0), 0);
    const all = /** @type {number[]} */ (Object.values(tables)).reduce((sum, bytes) => sum + bytes, 0);
    const each = (/** @type {number} */ bytes) => Math.round(bytes / events);
    const named = Object.entries(tables)
      .sort((one, other) => other[1] - one[1])
      .slice(0, 6);
    console.log(
      `${each(all - facts)} bytes an event on disk, and ${each(facts)} of facts: ${named.map(([name, bytes]) => `${name} ${each(bytes)}`).join(", ")}`,
    );
  }
}

/** @param {string} address @param {number} batch @param {number} connections @param {string[]} more */
function send(address, batch, connections, ...more) {
  const seed = `${process.pid * 100_000 + batch * 1_000 + connections + seeds++ * 7}`;
  const words = ["send", "--address", address, "--key", KEY, "--batch", `${batch}`, "--connections", `${connections}`];
  return load(...words, "--seed", seed, ...(more.includes("--seconds") ? [] : ["--seconds", options.seconds]), ...more);
}
let seeds = 0;

/** Asks for report after report with so many readers at once until told to stop. @param {string} address @param {number} readers */
function read(address, readers) {
  let going = true;
  let answers = 0;
  const headers = { authorization: `Bearer ${SECRET}` };
  const reader = async (/** @type {number} */ first) => {
    for (let turn = first; going; turn += 1) {
      const report = ["traffic", "top", "sources", "orders"][turn % 4];
      const answer = await fetch(`http://${address}/v1/reports/${report}`, { headers });
      await answer.arrayBuffer();
      if (!answer.ok) throw new Failure(`${report}: ${answer.status}`);
      answers += 1;
    }
  };
  const all = Promise.all(Array.from({ length: readers }, (_, number) => reader(number)));
  return async () => {
    going = false;
    await all;
    return answers;
  };
}

/** @param {string} name @param {(string | number)[]} cells */
const row = (name, ...cells) => console.log(name.padEnd(30) + cells.map((cell) => `${cell}`.padStart(12)).join(""));
const rate = (/** @type {any} */ result) => Math.round(result.per_second).toLocaleString("en");
const mb = (/** @type {number} */ bytes) => (bytes ? `${Math.round(bytes / 2 ** 20)} MiB` : "");
const times = (/** @type {any} */ result) => [result.p50_ms.toFixed(1), result.p99_ms.toFixed(1)];

/** @param {string} folder */
async function beside(folder) {
  const collector = new Collector(folder);
  await collector.start();
  row("batch x connections", "events/s", "p50 ms", "p99 ms");
  /** @type {any[]} */
  const results = [];
  for (const batch of [20, 1, 100]) {
    for (const connections of [64, 1, 16, 128]) {
      const result = await collector.send(batch, connections);
      row(`${batch} x ${connections}`, rate(result), ...times(result));
      results.push(result);
    }
  }
  const steady = await collector.send(1, 64, "--rate", "5000");
  row("1 x 64, open loop at 5,000/s", rate(steady), ...times(steady));
  await stop(collector.running.child);
  console.log(`at most ${mb(collector.rss)} of memory and ${mb(collector.wal)} of log`);
  await collector.sizes();
  await collector.verify();

  console.log();
  row("ceiling", "events/s", "Beckon 20x64", "1x64", "100x16");
  const shares = (/** @type {any} */ ceiling) =>
    [results[0], results[4], results[10]].map((result) => (result.per_second / ceiling.per_second).toFixed(2));
  const from = ["--from", join(collector.data, "beckon.db")];
  for (const [name, more] of /** @type {[string, string[]][]} */ ([
    ["plain rows", []],
    ["the same rows", from],
  ])) {
    for (const group of [1, 20, 100, 500, 5_000]) {
      const file = join(folder, "ceiling.db");
      const rows = `${group > 20 ? 400_000 : 20_000}`;
      const insert = await load("insert", "--file", file, "--group", `${group}`, "--rows", rows, ...more);
      row(`${name} inserted by ${group}`, rate(insert), ...shares(insert));
      await rm(file);
    }
  }
  const answering = await listen(program("load"), ["answer", "--address", "127.0.0.1:0"]);
  for (const [batch, connections] of [
    [1, 64],
    [20, 64],
  ]) {
    const result = await send(answering.address, batch, connections);
    row(`answered by ${batch}, not stored`, rate(result), ...shares(result));
  }
  await stop(answering.child);
}

/** @param {string} folder */
async function growing(folder) {
  const collector = new Collector(folder);
  await collector.start();
  row("stored events, at 20 x 64", "events/s", "p50 ms", "p99 ms", "memory", "log");
  const most = Number(options.events);
  let first = 0;
  for (const goal of [100_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000].filter((goal) => goal <= most)) {
    while (collector.acknowledged < goal) {
      const seconds = Math.min(Math.ceil((goal - collector.acknowledged) / 60_000), 20);
      await collector.send(20, 64, "--seconds", `${seconds}`);
    }
    [collector.rss, collector.wal] = [0, 0];
    const stored = collector.acknowledged;
    const result = await collector.send(20, 64);
    first ||= result.per_second;
    const share = (result.per_second / first).toFixed(2);
    row(stored.toLocaleString("en"), rate(result), ...times(result), mb(collector.rss), mb(collector.wal), share);
  }
  const steady = await collector.send(1, 64, "--rate", "5000");
  row("1 x 64, open loop at 5,000/s", rate(steady), ...times(steady));
  [collector.rss, collector.wal] = [0, 0];
  const stopReading = read(collector.running.address, 4);
  const beside = await collector.send(20, 64);
  const answers = await stopReading();
  row("beside 4 readers", rate(beside), ...times(beside), mb(collector.rss), mb(collector.wal), `${answers} reports`);
  [collector.rss, collector.wal] = [0, 0];
  const backup = call(program("beckon"), ["backup", join(folder, "copy.db"), "--data", collector.data]);
  const copied = await collector.send(20, 64);
  await backup;
  row("beside a backup", rate(copied), ...times(copied), mb(collector.rss), mb(collector.wal));
  await rm(join(folder, "copy.db"));
  await stop(collector.running.child);
  await collector.sizes();
  await collector.verify();
}

/** @param {string} folder */
async function slow(folder) {
  const [shim, control] = [join(folder, "shim.so"), join(folder, "control")];
  const sources = join(root, "tests", "faults", "shim.c");
  try {
    await call("cc", ["-shared", "-fPIC", "-O2", "-o", shim, sources, "-ldl", "-lpthread"]);
  } catch {
    return console.log("SKIPPED: a slow fsync is made by a library that can be built on Linux with a C compiler only.");
  }
  const file = await open(control, "w");
  await file.truncate(4096);
  const delay = async (/** @type {number} */ ms) => {
    const word = Buffer.alloc(8);
    word.writeBigInt64LE(BigInt(ms * 1_000));
    await file.write(word, 0, 8, 0);
  };
  await delay(5);
  const collector = new Collector(folder, { LD_PRELOAD: shim, BECKON_FAULTS: control });
  await collector.start();
  row("with an fsync of 5 ms", "events/s", "p50 ms", "p99 ms");
  for (const [batch, connections] of [
    [20, 64],
    [1, 64],
  ]) {
    const result = await collector.send(batch, connections);
    row(`${batch} x ${connections}`, rate(result), ...times(result));
  }
  await delay(1_000);
  const full = await collector.send(100, 256, "--hurried", "1");
  await delay(0);
  await file.close();
  console.log(
    `with an fsync of 1 s and 256 senders of 100: ${full.busy} answers of 503, 99 % of them within ${full.busy_p99_ms.toFixed(1)} ms`,
  );
  await stop(collector.running.child);
  await collector.verify();
}

await buildCollector("release");
await run("cargo", ["build", "--release", "--locked", "-p", "load"]);
for (const part of [beside, growing, slow]) {
  console.log();
  const folder = await mkdtemp(join(tmpdir(), "beckon-bench-"));
  try {
    await part(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
