// The npm package: Rust to Wasm, its glue, the hand-written start, the types; all into sdk-wasm/dist.
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Failure, main, note, root, run, step } from "./run.mjs";
import { nodeModules, toolchain, wasmBindgen, wasmTarget } from "./setup.mjs";

export const dist = join(root, "sdk-wasm", "dist");
const stamp = join(root, "target", "sdk-inputs");

/**
 * What rustc and wasm-bindgen emit, feature by feature: with `--all-features` wasm-opt writes types that browsers
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

/** Builds the package when one of its inputs changed. Returns which std is in it. */
export async function buildSdk() {
  const build = await wasmTarget();
  const inputs = hashOf([JSON.stringify(build), ...sourceFiles()]);
  const complete = ["beckon.js", "engine.js", "engine_bg.wasm", "index.d.ts"].every((name) =>
    existsSync(join(dist, name)),
  );
  if (complete && existsSync(stamp) && readFileSync(stamp, "utf8") === inputs) {
    note("sdk-wasm/dist is up to date");
    return build.std;
  }
  const bindgen = await wasmBindgen();
  await step(`SDK (Wasm, ${build.std} std)`, async () => {
    const wasm = await compile(build);
    const glue = join(root, "target", "sdk-glue");
    rmSync(glue, { recursive: true, force: true });
    await run(bindgen, [wasm, "--target", "web", "--out-name", "engine", "--out-dir", glue, "--no-typescript"]);
    await assemble(glue);
    writeFileSync(stamp, inputs);
  });
  return build.std;
}

/** @param {import("./setup.mjs").WasmBuild} build */
async function compile({ cargo, args, env }) {
  const manifest = join(root, "sdk-wasm", "Cargo.toml");
  const target = ["--target", "wasm32-unknown-unknown", "--profile", "sdk"];
  await run(cargo, ["build", "--locked", "--manifest-path", manifest, ...target, ...args], { env });
  const name = /^name = "(.+)"/m.exec(readFileSync(manifest, "utf8"))?.[1].replaceAll("-", "_");
  return join(env.CARGO_TARGET_DIR, "wasm32-unknown-unknown", "sdk", `${name}.wasm`);
}

/** @param {string} glue the folder wasm-bindgen wrote */
async function assemble(glue) {
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });

  const wasm = join(dist, "engine_bg.wasm");
  const features = WASM_FEATURES.map((feature) => `--enable-${feature}`);
  const strip = ["--strip-debug", "--strip-producers", "--strip-target-features"];
  const optimizer = join(root, "node_modules", "binaryen", "bin", "wasm-opt");
  await run(process.execPath, [optimizer, join(glue, "engine_bg.wasm"), "-o", wasm, "-Oz", ...features, ...strip]);
  // A module that the optimiser made unloadable must not leave this machine.
  await WebAssembly.compile(readFileSync(wasm));

  await minified(join(glue, "engine.js"), join(dist, "engine.js"));
  const js = join(root, "sdk-wasm", "js");
  for (const name of readdirSync(js)) {
    if (name.endsWith(".js")) await minified(join(js, name), join(dist, name));
    if (name.endsWith(".d.ts")) copyFileSync(join(js, name), join(dist, name));
  }
}

/** @param {string} from @param {string} to */
async function minified(from, to) {
  const { minify } = await import("vite");
  const { code, errors } = await minify(from, readFileSync(from, "utf8"), {
    module: true,
    compress: { target: "es2022" },
  });
  if (errors.length > 0) throw new Failure(`${from}: ${errors.map((error) => error.message).join("; ")}`);
  writeFileSync(to, code);
}

/** Every file that can change the package, these scripts included. */
function sourceFiles() {
  const files = ["Cargo.toml", "Cargo.lock", "package-lock.json", "scripts/build-sdk.mjs"];
  for (const folder of ["engine", "sdk-wasm"]) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && !path.startsWith(dist) && !path.includes("node_modules"))
        files.push(path.slice(root.length + 1));
    }
  }
  return files.sort().flatMap((file) => [file, readFileSync(join(root, file))]);
}

/** @param {(string | Buffer)[]} parts */
function hashOf(parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex");
}

await main(import.meta.url, async () => {
  await toolchain();
  await nodeModules();
  await buildSdk();
});
