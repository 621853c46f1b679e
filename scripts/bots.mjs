// `npm run bots [version]`: fetches the list of crawlers anew from the npm package `crawler-user-agents` (MIT) and writes
// the patterns of it that the collector filters by.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure, main, note, root, run, step } from "./run.mjs";

const PACKAGE = "crawler-user-agents";
const FILE = join(root, "collector", "src", "ingest", "agents", "bots.txt");

await main(import.meta.url, () =>
  step("The list of bots", async () => {
    const folder = mkdtempSync(join(tmpdir(), "beckon-bots-"));
    try {
      const version = process.argv[2] ?? "latest";
      // An install of its own: the list is data that is committed, and nothing else needs the package.
      await run("npm", ["install", "--prefix", folder, "--no-save", "--ignore-scripts", `${PACKAGE}@${version}`]);
      const from = join(folder, "node_modules", PACKAGE);
      /** @type {{ pattern: string, instances: string[] }[]} */
      const crawlers = JSON.parse(readFileSync(join(from, "crawler-user-agents.json"), "utf8"));
      const { version: got } = JSON.parse(readFileSync(join(from, "package.json"), "utf8"));
      for (const { pattern, instances } of crawlers) {
        const wrong = instances.find((instance) => !new RegExp(pattern).test(instance));
        if (wrong !== undefined) throw new Failure(`${pattern} does not match its own instance ${wrong}`);
      }
      const licence = readFileSync(join(from, "LICENSE"), "utf8").trim();
      const head = [
        `Patterns of the user agents of crawlers: the npm package ${PACKAGE} ${got}, a regular expression a line.`,
        "Written by `npm run bots`; not to be edited.",
        "",
        ...licence.split("\n").map((line) => line.trim()),
      ];
      const patterns = crawlers.map(({ pattern }) => pattern);
      const lines = [...head.map((line) => `# ${line}`.trimEnd()), ...patterns];
      writeFileSync(FILE, `${lines.join("\n")}\n`);
      note(`${patterns.length} patterns of ${PACKAGE} ${got} in ${FILE}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }),
);
