/** What the tests of the npm package stand on: a shop that has it installed as npm would, and a server for its pages. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, extname, join } from "node:path";
import { listening, root } from "./stage.mjs";

/**
 * The folder of a shop with `beckon` packed and unpacked into its node_modules, React beside it, and these files. It
 * goes with the test.
 * @param {{ after: (end: () => Promise<void>) => void }} test @param {Record<string, string>} files text by path
 */
export async function shopFolder(test, files) {
  const folder = await mkdtemp(join(tmpdir(), "beckon-shop-"));
  test.after(() => rm(folder, { recursive: true, force: true }));
  const installed = join(folder, "node_modules", "beckon");
  await mkdir(installed, { recursive: true });
  execFileSync("tar", ["-xzf", tarball(), "-C", installed, "--strip-components=1"]);
  await mkdir(join(folder, "node_modules", "@types"));
  for (const name of ["react", "react-dom", "scheduler", "csstype", "@types/react", "@types/react-dom"]) {
    await symlink(join(root, "node_modules", name), join(folder, "node_modules", name));
  }
  await write(folder, { "package.json": `{ "name": "shop", "private": true, "type": "module" }`, ...files });
  return folder;
}

let packed = "";
/** The package as npm packs it, once for all tests of a file. */
function tarball() {
  if (packed) return packed;
  const folder = mkdtempSync(join(tmpdir(), "beckon-packed-"));
  process.once("exit", () => rmSync(folder, { recursive: true }));
  const pack = ["pack", "--silent", "-w", "beckon", "--pack-destination", folder];
  packed = join(folder, execFileSync("npm", pack, { cwd: root, encoding: "utf8" }).trim());
  return packed;
}

/** @param {string} folder @param {Record<string, string>} files text by path */
export async function write(folder, files) {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

/** @type {Record<string, string>} */
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

/**
 * Serves a folder on an origin of its own; a path that ends with a slash is its index.html.
 * @param {{ after: (end: () => void) => void }} test @param {string} folder
 * @param {Record<string, string>} [headers] of its pages
 */
export async function serve(test, folder, headers = {}) {
  return listening(test, async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const file = pathname.endsWith("/") ? `${pathname}index.html` : pathname;
    try {
      const bytes = await readFile(join(folder, file));
      if (extname(file) === ".html")
        for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      response.setHeader("content-type", TYPES[extname(file)] ?? "text/plain").end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
}
