// What each capture adds to what a page loads: its file is bundled once with it and once without it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { js } from "./build-sdk.mjs";

/** The files that have captures in them, and where the table of these stands. */
const TABLES = [
  { file: "tier1", table: "capture.js" },
  { file: "rare", table: "rare.js" },
];
/** The list of the table, between its brackets. */
const LIST = /((?:CORE|RARE) = \[)([^\]]*)(\])/;

/** @returns {Promise<{ name: string, file: string, sent: number }[]>} in bytes of brotli, the heaviest first of each file */
export async function features() {
  const found = [];
  for (const { file, table } of TABLES) {
    const source = readFileSync(join(js, table), "utf8");
    const all = await weight(file, table);
    const rows = await Promise.all(
      names(LIST.exec(source)?.[2]).map(async (name) => ({
        name: switchOf(name, source),
        file: `${file}.js`,
        sent: all - (await weight(file, table, name)),
      })),
    );
    found.push(...rows.sort((a, b) => b.sent - a.sent));
  }
  return found;
}

/** @param {string} [list] */
const names = (list = "") => list.split(/,\s*/).filter(Boolean);

/** What the option `capture` calls it. @param {string} name @param {string} table the text of the file that imports it */
function switchOf(name, table) {
  const path = new RegExp(`import \\{[^}]*\\b${name}\\b[^}]*\\} from "(.+)"`).exec(table)?.[1] ?? "";
  return new RegExp(`const ${name} = \\{\\s*name: "(\\w+)"`).exec(readFileSync(join(js, path), "utf8"))?.[1] ?? name;
}

/** @param {string} file @param {string} table @param {string} [without] a name in the table */
async function weight(file, table, without) {
  const { build } = await import("rolldown");
  const { output } = await build({
    input: join(js, `${file}.js`),
    platform: "browser",
    external: (id) => file !== "rare" && id.endsWith("rare.js"),
    plugins: [
      {
        name: "without a capture",
        transform(code, id) {
          if (!without || !id.endsWith(`/${table}`)) return null;
          return code.replace(
            LIST,
            (_, start, list, end) => start + names(list).filter((one) => one !== without) + end,
          );
        },
      },
    ],
    transform: { target: "es2022" },
    treeshake: { moduleSideEffects: false },
    output: { format: "es", minify: true, comments: false },
    write: false,
  });
  return brotliCompressSync(output[0].code).length;
}
