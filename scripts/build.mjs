// `npm run build`: the npm package, the demo shop and the collector, ready to be shipped or served.
import { join } from "node:path";
import { buildSdk } from "./build-sdk.mjs";
import { main, root, run, step } from "./run.mjs";
import { nodeModules, toolchain } from "./setup.mjs";

/** Where cargo puts what it builds for this machine. */
export const targetFolder = process.env.CARGO_TARGET_DIR ?? join(root, "target");

/** The shop of web-demo, built by its own command. */
export function buildShop() {
  return step("Demo shop", () => run("npm", ["run", "build", "--silent"], { cwd: join(root, "web-demo") }));
}

/**
 * The collector with its dashboard inside.
 * @param {"release" | "dev"} profile
 * @returns {Promise<string>} the path of the program
 */
export async function buildCollector(profile) {
  await step(`Collector (${profile})`, () =>
    run("cargo", ["build", "--locked", "--package", "collector", "--profile", profile]),
  );
  return join(targetFolder, profile === "dev" ? "debug" : profile, "beckon");
}

await main(import.meta.url, async () => {
  await toolchain();
  await nodeModules();
  await buildSdk();
  await buildShop();
  console.log(`\nbuilt: sdk-wasm/dist, web-demo/dist, ${await buildCollector("release")}`);
});
