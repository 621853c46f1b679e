// `npm run bench [name]`: runs tests/bench/<name>.mjs; without a name, lists them.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Failure, main, root, run } from "./run.mjs";
import { nodeModules, toolchain } from "./setup.mjs";

await main(import.meta.url, async () => {
  const folder = join(root, "tests", "bench");
  const names = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".mjs")) : [];
  const benches = names.map((file) => file.slice(0, -".mjs".length)).sort();
  const [name, ...args] = process.argv.slice(2);
  if (name && !benches.includes(name))
    throw new Failure(`There is no bench "${name}": ${benches.join(", ") || "none yet"}.`);
  if (!name) return console.log(benches.length > 0 ? benches.join("\n") : "There are no benches in tests/bench.");
  await toolchain();
  await nodeModules();
  await run(process.execPath, [join(folder, `${name}.mjs`), ...args]);
});
