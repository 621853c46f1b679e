// `npm run check`: everything that judges the sources without running them.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSdk } from "./build-sdk.mjs";
import { Failure, main, note, root, run, step } from "./run.mjs";
import { cache, cargoDeny, nodeModules, toolchain } from "./setup.mjs";

/** @param {string} name */
const bin = (name) => join(root, "node_modules", ".bin", name);

/** @type {{ name: string, run: () => Promise<unknown> }[]} */
export const CHECKS = [
  { name: "rustfmt", run: () => run("cargo", ["fmt", "--all", "--check"]) },
  { name: "biome", run: () => run(bin("biome"), ["ci", "--colors=off"]) },
  { name: "types of scripts", run: () => run(bin("tsc"), ["--project", "tsconfig.json", "--pretty", "false"]) },
  { name: "types of pages", run: () => run(bin("tsc"), ["--project", "tsconfig.page.json", "--pretty", "false"]) },
  {
    name: "clippy",
    run: () => run("cargo", ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
  },
  { name: "dependencies", run: deny },
  { name: "npm package", run: judgePackage },
];

/** What a shop's tools will make of the package as it is packed: its fields, its exports, and the types of each. */
async function judgePackage() {
  await buildSdk();
  const folder = mkdtempSync(join(tmpdir(), "beckon-pack-"));
  try {
    const tarball = join(folder, await run("npm", ["pack", "--silent", "-w", "beckon", "--pack-destination", folder]));
    const packed = new Uint8Array(readFileSync(tarball)).buffer;
    const [{ publint }, { formatMessage }] = await Promise.all([import("publint"), import("publint/utils")]);
    const { messages, pkg } = await publint({ pack: { tarball: packed }, strict: true });
    const found = messages.map((message) => `publint: ${formatMessage(message, pkg)}`);

    const { checkPackage, createPackageFromTarballData } = await import("@arethetypeswrong/core");
    const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(packed)));
    if (!analysis.types) found.push("attw: there are no types");
    else found.push(...analysis.problems.map((problem) => `attw: ${JSON.stringify(problem)}`));
    if (found.length > 0) throw new Failure(found.join("\n"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Licences, bans and sources always; known vulnerabilities where their database can be had. */
async function deny() {
  const tool = await cargoDeny();
  await run(tool, ["--locked", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"]);
  if (await fetchAdvisories(tool)) await run(tool, ["--locked", "--offline", "check", "advisories"]);
  else note("SKIPPED: known vulnerabilities were not checked, their database cannot be reached from here.");
}

/**
 * Fetches the database of known vulnerabilities. A network that refuses it is asked once a day: to hang costs time.
 * @param {string} tool
 */
async function fetchAdvisories(tool) {
  const refused = join(cache, "advisories-refused");
  const today = new Date().toISOString().slice(0, 10);
  if (existsSync(refused) && readFileSync(refused, "utf8") === today) return false;
  try {
    await run(tool, ["fetch", "db"], { timeout: 60_000 });
    return true;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    mkdirSync(cache, { recursive: true });
    writeFileSync(refused, today);
    return false;
  }
}

await main(import.meta.url, async () => {
  await toolchain();
  await nodeModules();
  const failed = [];
  for (const check of CHECKS) {
    try {
      await step(check.name, check.run);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      failed.push(error.message);
    }
  }
  if (failed.length > 0) throw new Failure(failed.join("\n"));
});
