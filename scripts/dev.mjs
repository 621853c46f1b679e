// `npm run dev`: the demo on debug builds; whatever is edited is built again, and the collector restarted.
import { watch } from "node:fs";
import { join } from "node:path";
import { buildCollector, buildShop } from "./build.mjs";
import { buildSdk } from "./build-sdk.mjs";
import { startCollector, startShop } from "./demo.mjs";
import { Failure, freePort, interrupted, main, root, stop } from "./run.mjs";
import { nodeModules, toolchain } from "./setup.mjs";

/** Which folder's edits ask for which builds; the dashboard's files are read from disk by a debug collector. */
const WATCHED = [
  { folder: "engine", page: true, collector: true },
  { folder: "sdk-wasm/src", page: true, collector: false },
  { folder: "sdk-wasm/js", page: true, collector: false },
  { folder: "web-demo/src", page: true, collector: false },
  { folder: "web-demo/public", page: true, collector: false },
  { folder: "collector/src", page: false, collector: true },
];

await main(import.meta.url, async () => {
  await toolchain();
  await nodeModules();
  await buildSdk();
  await buildShop();
  let program = await buildCollector("dev");
  const port = await freePort(8787);
  let collector = await startCollector(program, port);
  const shop = await startShop({ ...collector, live: false });
  console.log(`\n  Shop       ${shop.url}\n  Dashboard  ${collector.signIn()}\n`);

  const dirty = { page: false, collector: false };
  let wake = () => {};
  for (const { folder, page, collector } of WATCHED) {
    watch(join(root, folder), { recursive: true }, () => {
      dirty.page ||= page;
      dirty.collector ||= collector;
      wake();
    });
  }
  const end = interrupted().then(() => true);
  for (;;) {
    const edited = new Promise((resolve) => {
      wake = () => setTimeout(resolve, 100, false);
      if (dirty.page || dirty.collector) wake();
    });
    if (await Promise.race([end, edited])) break;
    const { page, collector: server } = { ...dirty };
    Object.assign(dirty, { page: false, collector: false });
    try {
      if (page) {
        await buildSdk();
        await buildShop();
      }
      if (server) {
        program = await buildCollector("dev");
        await stop(collector.child);
        collector = await startCollector(program, port);
      }
    } catch (error) {
      // A build that fails is what an edit looks like half-way: say so and wait for the next one.
      if (!(error instanceof Failure)) throw error;
      console.log(error.message);
    }
  }
  await shop.stop();
  await stop(collector.child);
  process.exit(0);
});
