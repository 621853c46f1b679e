/**
 * `npm run bench -- ingest [seconds]`: acknowledged, durable events a second beside the two ceilings of the same run: a
 * server that parses and answers without storing, and raw inserts of the same rows. At the end every acknowledged event
 * must be there, and `beckon verify` must find everything as counted.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildCollector, targetFolder } from "../../scripts/build.mjs";
import { Failure, root, run, start, stop } from "../../scripts/run.mjs";

const KEY = "sk_benchbenchbenchbench01";
const [seconds = "8"] = process.argv.slice(2);
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

/** @param {string} name @param {(string | number)[]} cells */
const row = (name, ...cells) => console.log(name.padEnd(30) + cells.map((cell) => `${cell}`.padStart(12)).join(""));
const rate = (/** @type {any} */ result) => Math.round(result.per_second).toLocaleString("en");

await buildCollector("release");
await run("cargo", ["build", "--release", "--locked", "-p", "load"]);
const folder = await mkdtemp(join(tmpdir(), "beckon-bench-"));
try {
  const insert = await load("insert", "--file", join(folder, "ceiling.db"), "--group", "500");
  const answering = await listen(program("load"), ["answer", "--address", "127.0.0.1:0"]);
  /** @param {string} address @param {number} batch @param {number} connections @param {string[]} more */
  const send = (address, batch, connections, ...more) =>
    load(
      ...["send", "--address", address, "--key", KEY, "--batch", `${batch}`, "--connections", `${connections}`],
      ...["--seconds", seconds, "--seed", `${batch * 1_000 + connections}`, ...more],
    );
  const answer = await send(answering.address, 20, 64);
  await stop(answering.child);

  const data = join(folder, "data");
  const collector = await listen(program("beckon"), ["serve", "--data", data, "--listen", "127.0.0.1:0"], {
    BECKON_SECRET_KEY: KEY,
    BECKON_PUBLIC_KEY: "pk_benchbenchbenchbench01",
  });
  let acknowledged = 0;
  row("batch x connections", "events/s", "of inserts", "p50 ms", "p99 ms");
  for (const [batch, connections] of [
    [20, 64],
    [1, 64],
    [100, 16],
    [20, 16],
    [1, 1],
  ]) {
    const result = await send(collector.address, batch, connections);
    if (result.failed > 0 || result.refused > 0) throw new Failure(`Not all was stored: ${JSON.stringify(result)}`);
    acknowledged += result.acknowledged;
    const share = (result.per_second / insert.per_second).toFixed(2);
    row(`${batch} x ${connections}`, rate(result), share, result.p50_ms.toFixed(1), result.p99_ms.toFixed(1));
  }
  const open = await send(collector.address, 1, 64, "--rate", "5000");
  acknowledged += open.acknowledged;
  row("1 x 64, open loop at 5,000/s", rate(open), "", open.p50_ms.toFixed(1), open.p99_ms.toFixed(1));
  row("ceiling: answered, not stored", rate(answer), "", answer.p50_ms.toFixed(1), answer.p99_ms.toFixed(1));
  row("ceiling: raw inserts by 500", rate(insert));
  await stop(collector.child);

  const { size } = await stat(join(data, "beckon.db"));
  console.log(
    `\n${acknowledged} events acknowledged, ${Math.round(size / acknowledged)} bytes each on disk with all derived from them`,
  );
  const { stdout } = await call(program("beckon"), ["verify", "--data", data]);
  console.log(stdout.trim());
  if (!stdout.startsWith(`${acknowledged} events`)) throw new Failure("What is stored is not what was acknowledged.");
} finally {
  await rm(folder, { recursive: true, force: true });
}
