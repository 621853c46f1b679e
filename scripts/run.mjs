// Running other programs: what they print is shown as it comes, each step says how long it took,
// and nothing that was started outlives the script.
import { spawn, spawnSync } from "node:child_process";
import { realpathSync } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The checkout's own folder: every command runs from here unless it says otherwise. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A failure whose message is all that the person at the keyboard needs: shown as one line, without a stack. */
export class Failure extends Error {}

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();

/**
 * Announces a piece of work, does it, and says how long it took.
 * @template T
 * @param {string} title
 * @param {() => T | Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(title, work) {
  const started = performance.now();
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  console.log(`▸ ${title}`);
  try {
    const result = await work();
    console.log(`✔ ${title} (${seconds()})`);
    return result;
  } catch (error) {
    console.log(`✖ ${title} (${seconds()})`);
    throw error;
  }
}

/** @param {string} line */
export const note = (line) => console.log(`  ${line}`);

/**
 * Starts a program whose output lines are printed behind a mark. It is stopped when this script ends.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: Record<string, string>, mark?: string, onLine?: (line: string) => void, timeout?: number }} [options]
 */
export function start(command, args, { cwd = root, env, mark = "│", onLine, timeout } = {}) {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout,
  });
  running.add(child);
  child.once("close", () => running.delete(child));
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      onLine?.(line);
      console.log(`  ${mark} ${line}`);
    });
  }
  return child;
}

/**
 * Runs a program to its end and returns what it printed; a `Failure` names the command when it did not succeed.
 * @param {string} command
 * @param {string[]} args
 * @param {Parameters<typeof start>[2]} [options]
 * @returns {Promise<string>}
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    /** @type {string[]} */
    const lines = [];
    const child = start(command, args, { ...options, onLine: (line) => lines.push(line) });
    child.once("error", (error) => reject(new Failure(`${command} could not be started: ${error.message}`)));
    child.once("close", (code, signal) => {
      if (code === 0) return resolve(lines.join("\n"));
      const end = signal ? `was ended by ${signal}` : `ended with ${code}`;
      reject(Object.assign(new Failure(`${command} ${args.join(" ")}: ${end}`), { output: lines.join("\n") }));
    });
  });
}

/**
 * What a quick question to a program prints, trimmed; null when it is missing or says no.
 * @param {string} command
 * @param {string[]} args
 */
export function ask(command, ...args) {
  const { status, stdout } = spawnSync(command, args, { cwd: root, encoding: "utf8", timeout: 30_000 });
  return status === 0 ? stdout.trim() : null;
}

/**
 * Asks a program to stop, by its id, and waits until it has; after `patience` milliseconds it is ended.
 * @param {import("node:child_process").ChildProcess} child
 */
export async function stop(child, patience = 12_000) {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const closed = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), patience);
  await closed;
  clearTimeout(late);
}

/**
 * The wished port of 127.0.0.1 when nobody listens on it, else any free one.
 * @param {number} wished
 * @returns {Promise<number>}
 */
export function freePort(wished) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", () => (wished === 0 ? reject(new Failure("no free port")) : resolve(freePort(0))));
    server.listen(wished, "127.0.0.1", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/** @type {((value: undefined) => void) | null} */
let waiting = null;

/**
 * Resolves when the person at the keyboard, or a supervisor, asks this script to stop. Without anybody waiting for it,
 * such a request stops what runs and ends the script.
 * @returns {Promise<undefined>}
 */
export function interrupted() {
  return new Promise((resolve) => {
    waiting = resolve;
  });
}

/**
 * A script's own body, run only when the file was started as a command and not imported by another script.
 * @param {string} url the caller's import.meta.url
 * @param {() => Promise<void>} body
 */
export async function main(url, body) {
  if (!process.argv[1] || realpathSync(process.argv[1]) !== fileURLToPath(url)) return;
  /** @param {NodeJS.Signals} signal */
  const end = async (signal) => {
    if (waiting) return waiting(undefined);
    await Promise.all([...running].map((child) => stop(child)));
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  process.on("SIGINT", end).on("SIGTERM", end);
  if (process.env.npm_lifecycle_event) {
    // npm runs scripts in a shell that keeps signals to itself; but when it dies, this process gets another parent.
    const shell = process.ppid;
    const watch = setInterval(() => {
      if (process.ppid === shell) return;
      clearInterval(watch);
      end("SIGTERM");
    }, 250);
    watch.unref();
  }
  try {
    await body();
  } catch (error) {
    await Promise.all([...running].map((child) => stop(child)));
    console.error(error instanceof Failure ? `\n${error.message}` : error);
    process.exit(1);
  }
}
