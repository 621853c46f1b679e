// `npm run size`: what a page has to load, as a server would send it (brotli -q 11). Over budget fails.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { buildSdk, dist } from "./build-sdk.mjs";
import { features } from "./features.mjs";
import { Failure, main, root } from "./run.mjs";
import { nodeModules, toolchain } from "./setup.mjs";

/**
 * Tier 0 is on every page before anything else; tier 1 is streamed when the page is idle, the rarer captures after it.
 * The limit of tier 1 keeps what was reached; what is aimed at is 25 kB.
 */
const BUDGETS = { tier0: 2400, script: 2560, lazy: 8000, tier1: 36_500 };

/** @param {string} file in sdk-wasm/dist */
function brotli(file) {
  const bytes = readFileSync(join(dist, file));
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  return { file, raw: bytes.length, sent: brotliCompressSync(bytes, { params }).length };
}

/**
 * Prints the table; throws when a tier is over its budget, or the README says something else.
 * @param {boolean} [write] whether the README is to say this from now on
 */
export async function checkSizes(write = false) {
  const tiers = [
    { name: "tier 0", files: ["beckon.js"], budget: BUDGETS.tier0 },
    { name: "or by a script tag", files: ["script.js"], budget: BUDGETS.script },
    { name: "tier 1", files: ["engine.wasm", "tier1.js"], budget: BUDGETS.tier1 },
    { name: "rarer captures", files: ["rare.js"], budget: BUDGETS.lazy },
    { name: "beside it", files: ["react.js", "away.js", "worker.js", "inline.js"], budget: Number.POSITIVE_INFINITY },
  ];
  /** @param {string} name @param {(string | number)[]} cells */
  const row = (name, ...cells) =>
    console.log(`  ${name.padEnd(26)}${cells.map((cell) => `${cell}`.padStart(9)).join("")}`);
  const wrong = [];
  /** @type {Map<string, number>} bytes of brotli by file, then by capture */
  const measured = new Map();
  row("bytes", "raw", "brotli", "budget");
  for (const { name, files, budget } of tiers) {
    const sizes = files.map(brotli);
    for (const { file, raw, sent } of sizes) {
      row(`  ${file}`, raw, sent);
      measured.set(`\`${file}\``, sent);
    }
    const sent = sizes.reduce((sum, size) => sum + size.sent, 0);
    if (budget < Number.POSITIVE_INFINITY) row(name, "", sent, budget);
    if (sent > budget) wrong.push(`${name} is ${sent - budget} bytes over its budget of ${budget}`);
  }
  row("of which each capture");
  for (const { name, file, sent } of await features()) {
    row(`  ${name}`, "", sent);
    const title = `\`${name}\` in \`${file}\``;
    measured.set(title, sent + (measured.get(title) ?? 0));
  }
  if (write) writeFileSync(README, readFileSync(README, "utf8").replace(STATED, `$1${table(measured)}$3`));
  wrong.push(...misstated(measured));
  if (wrong.length > 0) throw new Failure(`${wrong.join("; ")}.`);
}

const README = join(root, "sdk-wasm", "README.md");
/** The table of the README, between its marks. */
const STATED = /(<!-- sizes -->\n)(.*?)(<!-- end -->)/s;

/** @param {Map<string, number>} measured */
const table = (measured) =>
  `| | bytes |\n|---|---|\n${[...measured].map(([title, sent]) => `| ${title} | ${sent} |\n`).join("")}`;

/** What the README does not say as it is, but for little changes. @param {Map<string, number>} measured */
function misstated(measured) {
  const text = STATED.exec(readFileSync(README, "utf8"))?.[2] ?? "";
  const rows = text.matchAll(/^\| (`.+`) \| (\d+) \|$/gm);
  const stated = new Map(Array.from(rows, ([, title, sent]) => [title, Number(sent)]));
  const wrong = [...new Set([...stated.keys(), ...measured.keys()])].filter((title) => {
    const [said, is] = [stated.get(title) ?? 0, measured.get(title) ?? 0];
    return Math.abs(said - is) > 50 + is / 20;
  });
  return wrong.length > 0
    ? [`sdk-wasm/README.md says something else of ${wrong.join(", ")}: run \`npm run size -- --write\``]
    : [];
}

await main(import.meta.url, async () => {
  await toolchain();
  await nodeModules();
  await buildSdk();
  await checkSizes(process.argv.includes("--write"));
});
