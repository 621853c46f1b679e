// `npm test`: sets the machine up, then lints, tests and measures everything; every step runs, whatever failed before.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { buildShop, targetFolder } from "./build.mjs";
import { buildSdk } from "./build-sdk.mjs";
import { CHECKS } from "./check.mjs";
import { Failure, main, note, root, run, step } from "./run.mjs";
import { chromium, nodeModules, proxyTools, toolchain } from "./setup.mjs";
import { checkSizes } from "./size.mjs";

/** @type {{ name: string, passed: number, failed: number, seconds: number }[]} */
const results = [];

/**
 * Does one step and counts it: as its tests where it ran tests, else as one.
 * @param {string} name
 * @param {() => Promise<unknown> | unknown} work
 */
async function judge(name, work) {
  const started = performance.now();
  let failure = null;
  let output = null;
  try {
    output = await step(name, work);
  } catch (error) {
    failure = error;
    output = /** @type {{ output?: string }} */ (error).output;
    console.log(failure instanceof Failure ? `  ${failure.message}` : failure);
  }
  const tests = typeof output === "string" ? countTests(output) : { passed: 0, failed: 0 };
  // A runner that dies without naming a failed test, and a step without tests, count as one.
  if (failure) tests.failed ||= 1;
  else tests.passed ||= 1;
  results.push({ name, ...tests, seconds: (performance.now() - started) / 1000 });
  return failure === null;
}

/** Adds up the closing lines of cargo's and Node's test runners. @param {string} output */
function countTests(output) {
  const sum = (/** @type {RegExp} */ line) =>
    [...output.matchAll(line)].reduce((total, match) => total + Number(match[1]), 0);
  return {
    passed: sum(/^test result: .*?(\d+) passed/gm) + sum(/^\W+pass (\d+)$/gm),
    failed: sum(/^test result: .*?(\d+) failed/gm) + sum(/^\W+fail (\d+)$/gm),
  };
}

/**
 * Two browsers at a time. A machine that is busy with other things makes a browser miss what it would show in time: of up
 * to two files with a failed test each is run once more, alone, and what fails again has failed.
 */
async function testBrowser() {
  const folder = join(root, "tests", "browser");
  const files = readdirSync(folder).filter((name) => name.endsWith(".test.mjs"));
  const env = { CHROMIUM: await chromium() };
  const test = (/** @type {string[]} */ paths, /** @type {number} */ concurrency) =>
    run(process.execPath, ["--test", `--test-concurrency=${concurrency}`, "--test-reporter=spec", ...paths], { env });
  try {
    return await test(
      files.map((name) => join(folder, name)),
      2,
    );
  } catch (error) {
    const output = /** @type {{ output?: string }} */ (error).output ?? "";
    const failed = [...new Set(Array.from(output.matchAll(/^test at (\S+\.test\.mjs)/gm), ([, path]) => path))];
    if (failed.length === 0 || failed.length > 2) throw error;
    note(`AGAIN, each alone: ${failed.join(", ")}`);
    await test(failed, 1);
    return output.replaceAll(/^(\W+)fail (?=\d+$)/gm, "$1pass ");
  }
}

await main(import.meta.url, async () => {
  await toolchain();
  await nodeModules();
  await proxyTools();

  for (const check of CHECKS) await judge(check.name, check.run);
  // The same packages and features as the tests below, so that nothing is compiled twice.
  const collector = await judge("Rust build", async () => {
    await run("cargo", ["build", "--workspace", "--all-targets", "--locked"]);
    process.env.BECKON_BIN = join(targetFolder, "debug", "beckon");
  });
  await judge("Rust tests", () => run("cargo", ["test", "--workspace", "--locked", "--no-fail-fast"]));
  const sdk = await judge("SDK", buildSdk);
  const page =
    sdk &&
    (await judge("shop", async () => {
      await buildShop();
    }));
  await judge("size", () => {
    if (!sdk) throw new Failure("not measured: the SDK could not be built");
    return checkSizes();
  });
  await judge("browser tests", () => {
    if (!collector || !page) throw new Failure("not run: what they test could not be built");
    return testBrowser();
  });

  console.log();
  for (const { name, passed, failed, seconds } of results) {
    const counts = `${passed} passed${failed > 0 ? `, ${failed} failed` : ""}`;
    console.log(`${failed > 0 ? "✖" : "✔"} ${name.padEnd(16)} ${`${seconds.toFixed(1)} s`.padStart(8)}  ${counts}`);
  }
  const total = (/** @type {"passed" | "failed"} */ key) => results.reduce((sum, result) => sum + result[key], 0);
  console.log(`\n${total("passed")} passed, ${total("failed")} failed`);
  if (total("failed") > 0) process.exit(1);
});
