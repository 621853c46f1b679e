// Everything a fresh machine lacks, step by step: each finds out first whether it has anything to do, so the second
// run is quick. Only Node's own modules may be used here, since this runs before `npm ci` did.
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { ask, Failure, note, root, run, step } from "./run.mjs";

/** Tools and build results that any checkout of any version can share, keyed by their versions. */
export const cache = process.env.BECKON_CACHE || join(homedir(), ".cache", "beckon");

/** Any version reads deny.toml; a pinned one gives everybody the same verdict. */
const CARGO_DENY = "0.20.2";

/** @param {string} path relative to the checkout */
const read = (path) => readFileSync(join(root, path), "utf8");

/** @param {string} name */
function onPath(name) {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** @param {string} version @param {string} wanted */
function atLeast(version, wanted) {
  const [have, want] = [version, wanted].map((text) => text.split(".").map(Number));
  for (const [index, number] of want.entries()) {
    if ((have[index] ?? 0) !== number) return (have[index] ?? 0) > number;
  }
  return true;
}

/** The oldest Rust that will do. */
const rustVersion = () => /rust-version = "([\d.]+)"/.exec(read("Cargo.toml"))?.[1] ?? "0";

/** Node, cargo and rustc are the three things that only the person at the keyboard can install. */
export function toolchain() {
  return step("Node and Rust", () => {
    const node = JSON.parse(read("package.json")).engines.node.replace(/[^\d.]/g, "");
    if (!atLeast(process.versions.node, node)) {
      throw new Failure(
        `Node ${node} or newer is needed, this is ${process.versions.node}: install it from nodejs.org.`,
      );
    }
    const rust = rustVersion();
    const install = `Rust ${rust} or newer is needed: install it from rustup.rs, or run \`rustup update stable\`.`;
    for (const tool of ["cargo", "rustc"]) {
      const version = / ([\d.]+)/.exec(ask(tool, "--version") ?? "")?.[1];
      if (!version || !atLeast(version, rust)) {
        throw new Failure(`${tool} ${version ? `is ${version}` : "was not found"}. ${install}`);
      }
      note(`${tool} ${version}`);
    }
    note(`node ${process.versions.node}`);
  });
}

/** `npm ci`, when what is installed is not what the lock file says. */
export async function nodeModules() {
  const stamp = join(root, "node_modules", ".beckon-lock");
  const lock = createHash("sha256").update(read("package-lock.json")).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  await step("npm packages", async () => {
    await run("npm", ["ci", "--loglevel=error"]);
    writeFileSync(stamp, lock);
  });
}

let packageListsAreFresh = false;

/**
 * Installs Debian packages where that needs no password; false where it cannot be done.
 * @param {string[]} packages
 */
async function apt(packages) {
  if (!onPath("apt-get")) return false;
  const root = process.getuid?.() === 0;
  if (!root && ask("sudo", "-n", "true") === null) return false;
  const env = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
  const [command, ...prefix] = root ? env : ["sudo", "-n", ...env];
  try {
    if (!packageListsAreFresh) await run(command, [...prefix, "update", "-q"]);
    packageListsAreFresh = true;
    await run(command, [...prefix, "install", "-y", "-q", "--no-install-recommends", ...packages]);
    return true;
  } catch (error) {
    if (error instanceof Failure) note(error.message);
    return false;
  }
}

/**
 * How to build for Wasm here: the program to call, its environment and extra arguments.
 * @typedef {{ cargo: string, args: string[], env: Record<string, string>, std: "delivered" | "built" }} WasmBuild
 */

/**
 * The std that rustup delivers; where rustup cannot reach its server, Debian's compiler comes with the sources. Either
 * gives a module of the same size: nothing of std but its collections is in it.
 * @returns {Promise<WasmBuild>}
 */
export async function wasmTarget() {
  const build = withDeliveredStd() ?? withBuiltStd();
  if (build) return build;
  return step("Wasm target", async () => {
    try {
      await run("rustup", ["target", "add", "wasm32-unknown-unknown"], { timeout: 60_000 });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      note(`${error.message}; trying the compiler of the Debian packages`);
      await apt(["rustc-web", "cargo-web", "rust-web-src", ...(wasmLinker() ? [] : ["lld"])]);
    }
    const installed = withDeliveredStd() ?? withBuiltStd();
    if (installed) return installed;
    throw new Failure(
      "The Wasm target is missing: run `rustup target add wasm32-unknown-unknown`, or on Debian install rustc-web, cargo-web and rust-web-src.",
    );
  });
}

const sysroot = () => ask("rustc", "--print", "sysroot") ?? "";

/** @returns {WasmBuild | null} */
function withDeliveredStd() {
  if (!existsSync(join(sysroot(), "lib/rustlib/wasm32-unknown-unknown/lib"))) return null;
  return { cargo: "cargo", args: [], env: { CARGO_TARGET_DIR: wasmFolder("rustc") }, std: "delivered" };
}

/**
 * core and alloc are built along with the crate, for size. The sources are those of `rustup component add rust-src`, or
 * Debian's.
 * @returns {WasmBuild | null}
 */
function withBuiltStd() {
  const linker = wasmLinker();
  for (const folder of [sysroot(), "/usr"]) {
    const [cargo, rustc] = ["cargo", "rustc"].map((name) => join(folder, "bin", name));
    const sources = join(folder, "lib/rustlib/src/rust/library/Cargo.lock");
    if (!linker || ![cargo, rustc, sources].every(existsSync)) continue;
    if (!atLeast(/ ([\d.]+)/.exec(ask(rustc, "--version") ?? "")?.[1] ?? "0", rustVersion())) continue;
    const env = {
      // The flags are unstable ones, the compiler is a stable one.
      RUSTC_BOOTSTRAP: "1",
      RUSTC: rustc,
      RUSTFLAGS: "-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none -Zfmt-debug=none",
      CARGO_TARGET_DIR: wasmFolder(rustc),
      CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: linker,
    };
    const args = ["-Z", "build-std=core,alloc", "-Z", "build-std-features=optimize_for_size"];
    return { cargo, args, env, std: "built" };
  }
  return null;
}

/** A folder of this checkout, since cargo would take the crates of another one for ours. @param {string} rustc */
function wasmFolder(rustc) {
  const [, number, commit] = /([\d.]+\S*)(?: \((\w+))?/.exec(ask(rustc, "--version") ?? "") ?? [];
  return join(root, "target", ["wasm", number, commit].filter(Boolean).join("-"));
}

/** Debian's compiler brings no linker for Wasm; rustup's does, and so does the package lld. */
function wasmLinker() {
  const host = /host: (.+)/.exec(ask("rustc", "-vV") ?? "")?.[1];
  const bundled = join(sysroot(), `lib/rustlib/${host}/bin/rust-lld`);
  return existsSync(bundled) ? bundled : onPath("wasm-ld");
}

/**
 * A cargo-installed tool of exactly this version: the one on PATH, the one in the cache, or built into the cache.
 * Optimising such a tool takes longer than it will ever run for, hence the debug build.
 * @param {string} crate @param {string} binary @param {string} version @param {string[]} [options]
 */
async function cargoTool(crate, binary, version, options = []) {
  const isIt = (/** @type {string} */ file) => ask(file, "--version")?.split(" ")[1] === version;
  const folder = join(cache, `${binary}-${version}`);
  const installed = join(folder, "bin", binary);
  if (existsSync(installed)) return installed;
  const found = onPath(binary);
  if (found && isIt(found)) return found;
  return step(`${binary} ${version}`, async () => {
    const target = join(folder, "target");
    const args = ["install", crate, "--version", version, "--debug", "--no-default-features", ...options];
    const env = { CARGO_TARGET_DIR: target, CARGO_PROFILE_DEV_DEBUG: "0" };
    try {
      await run("cargo", [...args, "--locked", "--root", folder], { env });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      // A registry that lags behind may not have the newest release that the tool's own lock file names.
      note("not with the tool's own lock file; trying again with the versions the registry has");
      await run("cargo", [...args, "--root", folder], { env });
    }
    rmSync(target, { recursive: true, force: true });
    return installed;
  });
}

export function cargoDeny() {
  return cargoTool("cargo-deny", "cargo-deny", CARGO_DENY);
}

/** The browser of the tests. */
export async function chromium() {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const macos = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
  const find = () => {
    if (process.env.CHROMIUM) return process.env.CHROMIUM;
    return names.map(onPath).find(Boolean) ?? (existsSync(macos) ? macos : null);
  };
  return (
    find() ??
    step("Chromium", async () => {
      if (await apt(["chromium"])) {
        const installed = find();
        if (installed) return installed;
      }
      throw new Failure("Chromium is missing: install it, or name another Chromium browser in CHROMIUM.");
    })
  );
}

/** What the tests run the recipe of nginx with; they say themselves what they leave out where something is missing. */
export async function proxyTools() {
  const missing = ["nginx", "curl", "openssl"].filter((name) => !onPath(name) && !existsSync(`/usr/sbin/${name}`));
  if (missing.length === 0) return;
  await step(missing.join(", "), async () => {
    const packages = missing.map((name) => (name === "nginx" ? "nginx-light" : name));
    // Where there is an init system, the package would start a server on port 80: that is not ours to do.
    const serves = packages.includes("nginx-light") && existsSync("/run/systemd/system");
    if (serves || !(await apt(packages)))
      note(`SKIPPED: ${missing.join(", ")} not installed here; the nginx recipe is not run.`);
  });
}
