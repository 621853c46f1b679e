// The npm package: Rust to Wasm, the hand-written JavaScript, the types; all into sdk-wasm/dist.
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { ask, Failure, main, note, root, run, step } from "./run.mjs";
import { nodeModules, toolchain, wasmTarget } from "./setup.mjs";

export const dist = join(root, "sdk-wasm", "dist");
export const js = join(root, "sdk-wasm", "js");
const stamp = join(root, "target", "sdk-inputs");

/**
 * The files of the package: each is bundled from the file of js/ that has its name, but for what `beside` leaves to
 * another file of the package, so that it is fetched later, or once. Whoever can be required has a CommonJS twin:
 * Jest and older servers know nothing else.
 * @type {{ name: string, beside?: string[], twin?: boolean, classic?: boolean, address?: Record<string, string> }[]}
 */
const FILES = [
  { name: "beckon", beside: ["tier1"], twin: true },
  { name: "tier1", beside: ["rare", "away"] },
  { name: "rare" },
  { name: "away" },
  // A twin is not told its own address; that of a worker is where it runs.
  { name: "worker", twin: true, address: { "import.meta.url": "location.href" } },
  { name: "inline", twin: true },
  { name: "script", beside: ["tier1"], classic: true },
  { name: "react", beside: ["beckon"], twin: true },
];

/**
 * What rustc emits, feature by feature: with `--all-features` wasm-opt writes types that browsers
 * refuse to load.
 */
const WASM_FEATURES = [
  "bulk-memory",
  "bulk-memory-opt",
  "nontrapping-float-to-int",
  "sign-ext",
  "mutable-globals",
  "reference-types",
  "multivalue",
];
/**
 * Each of these was measured by what brotli makes of the result: control flow is taken apart and put together anew, a
 * function that is called once stays one (inlined, it repeats less of what others have), and what calls most often gets
 * the short numbers.
 */
const OPTIMIZE = [
  ...["--flatten", "--rereloop", "-Oz", "--gufa", "-Oz", "--dealign", "--reorder-functions"],
  "--one-caller-inline-max-function-size=0",
  ...WASM_FEATURES.map((feature) => `--enable-${feature}`),
  ...["--strip-debug", "--strip-producers", "--strip-target-features"],
];

/** Builds the package when one of its inputs changed. */
export async function buildSdk() {
  const build = await wasmTarget();
  const inputs = hashOf([JSON.stringify(build), ...sourceFiles()]);
  if (existsSync(join(dist, "provenance.json")) && existsSync(stamp) && readFileSync(stamp, "utf8") === inputs) {
    note("sdk-wasm/dist is up to date");
    return;
  }
  await step("SDK", async () => {
    await assemble(await engine(build));
    writeFileSync(join(dist, "provenance.json"), `${JSON.stringify(provenance(build), null, 2)}\n`);
    writeFileSync(stamp, inputs);
  });
}

/**
 * The Wasm as it is shipped, built when one of its own inputs changed. Returns where it is.
 * @param {import("./setup.mjs").WasmBuild} build
 */
async function engine(build) {
  const sources = wasmSources().flatMap((path) => [path, readFileSync(join(root, path))]);
  const name = `engine-${hashOf([JSON.stringify(build), OPTIMIZE.join(" "), ...sources])}.wasm`;
  const target = join(root, "target");
  const wasm = join(target, name);
  if (existsSync(wasm)) return wasm;
  const compiled = await compile(build);
  for (const old of readdirSync(target)) if (/^engine-\w+\.wasm$/.test(old)) rmSync(join(target, old));
  const optimizer = join(root, "node_modules", "binaryen", "bin", "wasm-opt");
  await run(process.execPath, [optimizer, compiled, "-o", `${wasm}.new`, ...OPTIMIZE]);
  // A module that the optimiser made unloadable must not leave this machine.
  await WebAssembly.compile(readFileSync(`${wasm}.new`));
  renameSync(`${wasm}.new`, wasm);
  return wasm;
}

/** @param {import("./setup.mjs").WasmBuild} build */
async function compile({ cargo, args, env }) {
  const manifest = join(root, "sdk-wasm", "Cargo.toml");
  const target = ["--target", "wasm32-unknown-unknown", "--profile", "sdk"];
  await run(cargo, ["build", "--locked", "--manifest-path", manifest, ...target, ...args], { env });
  const name = /^name = "(.+)"/m.exec(readFileSync(manifest, "utf8"))?.[1].replaceAll("-", "_");
  return join(env.CARGO_TARGET_DIR, "wasm32-unknown-unknown", "sdk", `${name}.wasm`);
}

/** @param {string} wasm the engine */
async function assemble(wasm) {
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  copyFileSync(wasm, join(dist, "engine.wasm"));

  for (const file of FILES) {
    if (file.name === "beckon") await minified(file.name);
    else await bundled(file, file.classic ? "iife" : "es");
    if (file.twin) await bundled(file, "cjs");
  }
  for (const name of readdirSync(js)) {
    if (!name.endsWith(".d.ts")) continue;
    copyFileSync(join(js, name), join(dist, name));
    const types = readFileSync(join(js, name), "utf8").replaceAll('.js"', '.cjs"');
    writeFileSync(join(dist, name.replace(".d.ts", ".d.cts")), types);
  }
}

/** What the Wasm is compiled from. */
const WASM_SOURCES = ["Cargo.toml", "Cargo.lock", "engine", "sdk-wasm/Cargo.toml", "sdk-wasm/src"];
const wasmSources = () => WASM_SOURCES.flatMap((path) => filesUnder(path)).sort();

/**
 * Where the bytes of the package come from, for whoever wants to build them again: no time, no path and no commit is
 * in it, so that the same sources and tools give the same file. `sources.sha256` is what
 * `find FILES -type f | LC_ALL=C sort | xargs sha256sum | sha256sum` prints.
 * @param {import("./setup.mjs").WasmBuild} build
 */
function provenance({ std, args, env }) {
  const { version } = JSON.parse(readFileSync(join(root, "sdk-wasm", "package.json"), "utf8"));
  const locked = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const lines = wasmSources().map((path) => `${hashOf([readFileSync(join(root, path))], "")}  ${path}\n`);
  const files = readdirSync(dist).filter((name) => !/\.map$|^provenance/.test(name));
  return {
    package: `beckon@${version}`,
    files: Object.fromEntries(
      files.sort().map((name) => {
        const bytes = readFileSync(join(dist, name));
        return [name, { bytes: bytes.length, sha256: hashOf([bytes], "") }];
      }),
    ),
    wasm: {
      file: "engine.wasm",
      sources: { files: WASM_SOURCES, sha256: hashOf([lines.join("")], "") },
      rustc: ask(env.RUSTC ?? "rustc", "--version"),
      std: std === "built" ? args.filter((arg) => arg !== "-Z") : "as rustup delivers it",
      flags: env.RUSTFLAGS ?? "",
      profile: "sdk",
      optimizer: `binaryen ${locked["node_modules/binaryen"].version}, wasm-opt ${OPTIMIZE.join(" ")}`,
    },
    bundler: `rolldown ${locked["node_modules/rolldown"].version}`,
  };
}

/** @param {string} path of a file or a folder, relative to the checkout @returns {string[]} */
function filesUnder(path) {
  if (statSync(join(root, path)).isFile()) return [path];
  return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}

/** @param {typeof FILES[number]} file @param {"es" | "cjs" | "iife"} format */
async function bundled({ name, beside = [], classic, address = {} }, format) {
  const { build } = await import("rolldown");
  const ending = format === "cjs" ? "cjs" : "js";
  await build({
    input: join(js, `${name}.js`),
    platform: "browser",
    external: ["react"],
    // React's directive is wanted where it is: first in the file.
    // A twin that has no address of its own has no worker beside it either, and asks the collector instead.
    checks: { moduleLevelDirective: false, emptyImportMeta: false },
    plugins: [
      {
        name: "files of the package",
        resolveId(id, importer) {
          if (name === "inline" && id === "./source.js") return join(js, "inline_source.js");
          if (id === "./engine.wasm") return join(dist, "engine.wasm");
          const other = /^\.\/(\w+)\.js$/.exec(id)?.[1];
          if (!importer || !other || !beside.includes(other)) return null;
          // What is fetched later is a module for everybody, also where it is a twin that asks for it.
          return {
            id: `./${other}.${FILES.find((file) => file.name === other)?.twin ? ending : "js"}`,
            external: true,
          };
        },
        load(id) {
          if (!id.endsWith(".wasm")) return null;
          const packed = deflateRawSync(readFileSync(id), { level: 9 }).toString("base64");
          return { code: `export default ${JSON.stringify(packed)}`, moduleType: "js" };
        },
      },
    ],
    transform: { target: "es2022", define: format === "cjs" ? address : {} },
    output: {
      file: join(dist, `${name}.${ending}`),
      format,
      minify: true,
      comments: false,
      // What every page loads first goes without the line that names its map.
      sourcemap: classic ? "hidden" : true,
      codeSplitting: false,
    },
  });
}

/** Tier 0 imports nothing at first, and bundling would cost it bytes. @param {string} name */
async function minified(name) {
  const { minify } = await import("vite");
  const from = join(js, `${name}.js`);
  const options = { module: true, compress: { target: "es2022" }, sourcemap: true };
  const { code, map, errors } = await minify(from, readFileSync(from, "utf8"), options);
  if (errors.length > 0) throw new Failure(`${from}: ${errors.map((error) => error.message).join("; ")}`);
  writeFileSync(join(dist, `${name}.js`), code);
  writeFileSync(join(dist, `${name}.js.map`), JSON.stringify({ ...map, sources: [`../js/${name}.js`] }));
}

/** Every file that can change the package, these scripts included. */
function sourceFiles() {
  const files = ["Cargo.toml", "Cargo.lock", "package-lock.json", "scripts/build-sdk.mjs"];
  for (const folder of ["engine", "sdk-wasm"]) {
    files.push(...filesUnder(folder).filter((path) => !/^sdk-wasm\/dist|node_modules/.test(path)));
  }
  return files.sort().flatMap((file) => [file, readFileSync(join(root, file))]);
}

/** @param {(string | Buffer)[]} parts @param {string} [end] what follows each */
function hashOf(parts, end = "\0") {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update(end);
  return hash.digest("hex");
}

await main(import.meta.url, async () => {
  await toolchain();
  await nodeModules();
  await buildSdk();
});
