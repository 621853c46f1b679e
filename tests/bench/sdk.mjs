/**
 * `npm run bench -- sdk [--only beckon,umami] [--loads 9] [--parts load,calls,visits,decide,profile]`: Beckon beside
 * its peers, each from npm, built as a shop would and on the same page in the same run: what a page loads, what that
 * costs its main thread, what track() and decide() cost, and what arrives of visitors who leave. The part `profile`,
 * which runs when it is asked for, says by function where Beckon's own time goes. A quiet machine gives steady figures;
 * medians and processor time keep the others honest.
 */
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { buildSdk } from "../../scripts/build-sdk.mjs";
import { step } from "../../scripts/run.mjs";
import { chromium as binary } from "../../scripts/setup.mjs";
import { FLAGS } from "../browser/stage.mjs";
import { deciding, median, share, tracking } from "./sdk/calls.mjs";
import { load, profile } from "./sdk/cost.mjs";
import { peers, sources } from "./sdk/peers.mjs";
import { brotli, collector, shop } from "./sdk/servers.mjs";
import { bounces, unload, visit } from "./sdk/visits.mjs";

const { values: options } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    loads: { type: "string", default: "9" },
    parts: { type: "string", default: "load,calls,visits,decide" },
  },
});

/** @typedef {import("./sdk/peers.mjs").Peer} Peer */

await buildSdk();
const built = await mkdtemp(join(tmpdir(), "beckon-bench-"));
const all = await peers(built, options.only.split(",").filter(Boolean));
const parts = options.parts.split(",");
const profiled = [sources(built), ...all.filter(({ name }) => name === "umami")];
const endpoints = await collector(all);
const pages = await shop(parts.includes("profile") ? profiled : all, endpoints.url);
const browser = await chromium.launch({
  executablePath: await binary(),
  args: [
    ...FLAGS,
    // Some of them count no visitor who is automated.
    "--disable-blink-features=AutomationControlled",
    // Nobody is asked who is not a part of the bench.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
  ],
});
const stage = { browser, collector: endpoints, shop: pages };
const loads = Number(options.loads);
const address = (/** @type {{ name: string }} */ { name }) => `${pages.url}/${name}/p/7`;

try {
  if (parts.includes("profile")) await profiles();
  else await tables();
} finally {
  await browser.close();
  endpoints.close();
  pages.close();
  await rm(built, { recursive: true, force: true });
}

/** @typedef {Record<string, string | number>} Row the figures of one peer by the heads of their columns */

async function tables() {
  /** @type {Map<Peer, Row>} */
  const costs = new Map(all.map((peer) => [peer, {}]));
  /** @type {Map<Peer, Row>} */
  const arrivals = new Map(all.map((peer) => [peer, {}]));
  if (parts.includes("load")) await loading(costs);
  for (const [peer, row] of costs)
    if (parts.includes("calls")) await step(`calls of ${peer.name}`, () => calling(peer, row));
  for (const [peer, row] of arrivals)
    if (parts.includes("visits")) await step(`visits with ${peer.name}`, () => visiting(peer, row));
  print("What it costs the page. Load is of a page with one track(), until 3.5 s after it", costs);
  print(
    "What arrives: of 16 who leave after an event, of 5 who are gone within 150 ms while the rest is slow, of one visit",
    arrivals,
  );
  if (parts.includes("decide") && all.some(({ name }) => name === "beckon")) await decisions();
}

/** Loads in turns, so that what else the machine does is borne by all. @param {Map<Peer, Row>} rows */
async function loading(rows) {
  const empty = { name: "none" };
  /** @type {Record<string, Awaited<ReturnType<typeof load>>[]>} */
  const costs = { none: [] };
  for (const { name } of all) costs[name] = [];
  await step(`${loads} loads of each`, async () => {
    for (let turn = 0; turn < loads; turn++) {
      for (const peer of [empty, ...all]) costs[peer.name].push(await load(browser, `${address(peer)}?then=track`));
    }
  });
  const cost = (/** @type {string} */ name, /** @type {keyof (typeof costs)[string][number]} */ meter) =>
    median(costs[name].map((one) => one[meter]));
  console.log(
    `  The page alone: ${cost("none", "script").toFixed(1)} ms of scripts, ${cost("none", "task").toFixed(1)} ms of tasks.`,
  );
  const sent = (/** @type {Peer["files"]} */ files) =>
    files.reduce((sum, { path }) => sum + brotli(readFileSync(path)).length, 0);
  for (const [{ name, files }, row] of rows) {
    row["bytes first"] = sent(files.filter(({ first }) => first));
    row["in all"] = sent(files.filter((file) => file.first || pages.loaded.has(`/${name}/static/${file.name}`)));
    row["scripts until loaded, ms"] = cost(name, "loading").toFixed(1);
    row["until settled, ms"] = cost(name, "script").toFixed(1);
    row["tasks over the empty page, ms"] = (cost(name, "task") - cost("none", "task")).toFixed(1);
    row["longest task of them, ms"] = cost(name, "longest").toFixed(1);
  }
}

/** @param {Peer} peer @param {Row} row */
async function calling(peer, row) {
  const runs = [];
  for (let turn = 0; turn < 3; turn++) runs.push(await tracking(browser, address(peer)));
  row["track(), us"] = median(runs.map(({ call }) => call)).toFixed(1);
  row["all an event costs, us"] = median(runs.map((run) => run.all)).toFixed(0);
  row["of events"] = median(runs.map(({ events }) => events));
}

/** @param {Peer} peer @param {Row} row */
async function visiting(peer, row) {
  const whole = await visit(stage, peer);
  const left = await unload(stage, peer);
  row["by leaving"] = `${left.left}/16`;
  row["lost for good"] = 16 - left.back;
  row["came twice"] = `${left.doubled}${left.doubled ? ` (${left.doubledByNavigation} of 8 navigations)` : ""}`;
  row["without an id that tells"] = left.storedTwice;
  row.bounced = `${await bounces(stage, peer)}/5`;
  row.preflights = whole.preflights;
  row.requests = whole.requests;
  row["uploaded, B"] = whole.bytes;
}

/** decide() with 200 segments and 100 offers. */
async function decisions() {
  const { first, again, sources } = await deciding(browser, `${pages.url}/beckon/p/7`);
  const words = (/** @type {number[]} */ times) =>
    `p50 ${median(times).toFixed(3)} ms, p90 ${share(times, 0.9).toFixed(3)} ms, p99 ${share(times, 0.99).toFixed(3)} ms of ${times.length}`;
  console.log(
    `decide() with 200 segments and 100 offers, source ${sources.join(", ")}: after an event ${words(first)}; again ${words(again)}`,
  );
}

async function profiles() {
  for (const peer of profiled) {
    /** @type {Record<string, number>[]} */
    const runs = [];
    for (let turn = 0; turn < loads; turn++) runs.push(await profile(browser, `${address(peer)}?then=track`));
    const names = [...new Set(runs.flatMap(Object.keys))].filter((name) => !name.startsWith("(idle)"));
    const times = names.map((name) => /** @type {const} */ ([name, median(runs.map((run) => run[name] ?? 0))]));
    console.log(
      `\n${peer.name}: the own time of each function, the median of ${loads} loads that the profiler slows down`,
    );
    for (const [name, ms] of times.sort((one, other) => other[1] - one[1]).slice(0, 40)) {
      if (ms >= 0.02) console.log(`${ms.toFixed(2).padStart(8)} ms  ${name}`);
    }
  }
}

/** @param {string} title @param {Map<Peer, Row>} rows */
function print(title, rows) {
  const heads = Object.keys([...rows.values()][0] ?? {});
  if (heads.length === 0) return;
  const lines = [
    ["", ...heads],
    ...[...rows].map(([{ name, version }, row]) => [`${name} ${version}`, ...heads.map((head) => `${row[head]}`)]),
  ];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  console.log(`\n${title}:`);
  for (const line of lines) {
    console.log(
      line.map((cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[column]))).join("  "),
    );
  }
}
