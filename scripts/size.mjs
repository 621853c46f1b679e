// `npm run size`: what a page has to load, as a server would send it (brotli -q 11). Over budget fails.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { buildSdk, dist } from "./build-sdk.mjs";
import { Failure, main } from "./run.mjs";
import { nodeModules, toolchain } from "./setup.mjs";

/**
 * Tier 0 is on every page before anything else; tier 1 is streamed when the page is idle, the rarer captures after it.
 * What is published has the small std; a build with rustup's stock std carries the messages of panics and is held to a
 * limit of its own. The limits of tier 1 keep what was reached; what is aimed at is 25 kB.
 */
const BUDGETS = { tier0: 2400, script: 2560, lazy: 8000, tier1: { small: 48_000, stock: 63_000 } };

/** @param {string} file in sdk-wasm/dist */
function brotli(file) {
  const bytes = readFileSync(join(dist, file));
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return { file, raw: bytes.length, sent: brotliCompressSync(bytes, { params }).length };
}

/**
 * Prints the table; throws when a tier is over its budget.
 * @param {"small" | "stock"} std
 */
export function checkSizes(std) {
  const tiers = [
    { name: "tier 0", files: ["beckon.js"], budget: BUDGETS.tier0 },
    { name: "or by a script tag", files: ["script.js"], budget: BUDGETS.script },
    { name: `tier 1, ${std} std`, files: ["engine.wasm", "tier1.js"], budget: BUDGETS.tier1[std] },
    { name: "rarer captures", files: ["rare.js"], budget: BUDGETS.lazy },
  ];
  /** @param {string} name @param {(string | number)[]} cells */
  const row = (name, ...cells) =>
    console.log(`  ${name.padEnd(20)}${cells.map((cell) => `${cell}`.padStart(9)).join("")}`);
  const over = [];
  row("bytes", "raw", "brotli", "budget");
  for (const { name, files, budget } of tiers) {
    const sizes = files.map(brotli);
    for (const { file, raw, sent } of sizes) row(`  ${file}`, raw, sent);
    const sent = sizes.reduce((sum, size) => sum + size.sent, 0);
    row(name, "", sent, budget);
    if (sent > budget) over.push(`${name} is ${sent - budget} bytes over its budget of ${budget}`);
  }
  if (over.length > 0) throw new Failure(`${over.join("; ")}.`);
}

await main(import.meta.url, async () => {
  await toolchain();
  await nodeModules();
  checkSizes(await buildSdk());
});
