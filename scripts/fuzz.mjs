// `npm run fuzz -- [seconds] [target]`: what `npm test` fuzzes for a moment, for as long as wanted. With cargo-fuzz, where
// it is installed, coverage is the guide; else the generator of the tests does it.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ask, Failure, main, note, root, run, step } from "./run.mjs";
import { toolchain } from "./setup.mjs";

const TARGETS = ["body", "packed", "text"];

await main(import.meta.url, async () => {
  const [seconds = "60", only] = process.argv.slice(2);
  if (!/^[1-9]\d*$/.test(seconds) || (only && !TARGETS.includes(only)))
    throw new Failure(`npm run fuzz -- [seconds] [${TARGETS.join("|")}]`);
  await toolchain();
  const targets = only ? [only] : TARGETS;
  const each = `${Math.max(1, Math.floor(Number(seconds) / targets.length))}`;
  if (ask("cargo", "fuzz", "--version")) {
    for (const target of targets) {
      const corpus = join(root, "fuzz", "corpus", target);
      mkdirSync(corpus, { recursive: true });
      // The coverage is stable Rust's own; only the flags that ask for it are not said to be.
      await step(target, () =>
        run(
          "cargo",
          ["fuzz", "run", "--sanitizer", "none", target, corpus, join(root, "fuzz", "seeds", target), "--"].concat(
            `-max_total_time=${each}`,
            "-timeout=10",
            "-max_len=4096",
            "-print_final_stats=1",
          ),
          { env: { RUSTC_BOOTSTRAP: "1" } },
        ),
      );
    }
    return;
  }
  note("cargo-fuzz is not installed (cargo install cargo-fuzz): without coverage as a guide");
  for (const target of targets) {
    const test = { body: "no_body", packed: "no_packed_body", text: "no_text" }[target] ?? "";
    await step(target, () =>
      run("cargo", ["test", "--release", "--locked", "-p", "collector", "--", "--nocapture", `fuzz::tests::${test}`], {
        env: { BECKON_FUZZ_SECONDS: each, BECKON_FUZZ_SEED: `${Date.now()}` },
      }),
    );
  }
});
