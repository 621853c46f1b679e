/** What a script costs the page's main thread. */

/** @typedef {import("playwright-core").Browser} Browser */
/**
 * Milliseconds of processor time of the page's main thread: all that scripts ran, microtasks and Wasm included; what of
 * it came before the page's `load` was over; the most of it that was in one task; and all tasks, the page's own layout
 * and loading included.
 * @typedef {{ script: number, loading: number, longest: number, task: number }} Cost
 */

/** Long enough for what waits for an idle moment, and for the first batch to be sent and answered. */
const SETTLED_MS = 3_500;

/**
 * Loads a page in a new visitor's browser and adds up a trace of it. Chromium's own meter of scripts leaves out the
 * microtasks, in which most of what is loaded later runs. Processor time, since a busy machine makes it later, not dearer.
 * Nothing is evaluated in the page.
 * @param {Browser} browser @param {string} url
 * @returns {Promise<Cost>}
 */
export async function load(browser, url) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await browser.startTracing(page, { categories: CATEGORIES });
    await page.goto(url);
    await page.waitForTimeout(SETTLED_MS);
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
    return spent(traceEvents, new URL(url).origin);
  } finally {
    await context.close();
  }
}

/**
 * The self time of each function while a page loads and settles, in milliseconds, longest first.
 * @param {Browser} browser @param {string} url
 */
export async function profile(browser, url) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    await session.send("Profiler.enable");
    await session.send("Profiler.setSamplingInterval", { interval: 50 });
    await session.send("Profiler.start");
    await page.goto(url);
    await page.waitForTimeout(SETTLED_MS);
    const { profile } = await session.send("Profiler.stop");
    const named = (/** @type {{ functionName: string, url: string, lineNumber: number }} */ frame) =>
      `${frame.functionName || "(anonymous)"}  ${frame.url.split("/").at(-1)?.split("?")[0]}:${frame.lineNumber + 1}`;
    const callers = new Map(profile.nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node])));
    const names = new Map(
      profile.nodes.map((node) => {
        const { callFrame, id } = node;
        const caller = callers.get(id)?.callFrame;
        // The browser's own functions say nothing without who called them.
        const by = caller?.url ? ` by ${named(caller)}` : "";
        return [id, callFrame.url ? named(callFrame) : `${callFrame.functionName}${by}`];
      }),
    );
    /** @type {Record<string, number>} */
    const self = {};
    for (const [index, id] of (profile.samples ?? []).entries()) {
      const name = names.get(id) ?? "";
      self[name] = (self[name] ?? 0) + (profile.timeDeltas?.[index] ?? 0) / 1000;
    }
    return self;
  } finally {
    await context.close();
  }
}

/** The events of a trace that are the running of scripts; they nest. */
const SCRIPT = new Set([
  "EvaluateScript",
  "FunctionCall",
  "RunMicrotasks",
  "BlinkScheduler_PerformMicrotaskCheckpoint",
  "v8.callFunction",
  "v8.compile",
  "v8.compileModule",
  "v8.evaluateModule",
]);
const CATEGORIES = ["toplevel", "devtools.timeline", "v8", "disabled-by-default-devtools.timeline"];

/** @param {any[]} events of a trace @param {string} origin whose scripts tell which thread is the page's @returns {Cost} */
function spent(events, origin) {
  const complete = events.filter(({ ph }) => ph === "X");
  const own = complete.find(({ args }) => `${args?.data?.url ?? args?.fileName ?? ""}`.startsWith(origin));
  const here = complete.filter(({ pid, tid }) => pid === own?.pid && tid === own?.tid);
  const scripts = here.filter(({ name }) => SCRIPT.has(name)).sort((one, other) => one.ts - other.ts);
  const loaded = events.find(
    ({ name, pid, tid, ts }) => name === "MarkLoad" && pid === own?.pid && tid === own?.tid && ts > own.ts,
  );
  const cost = { script: 0, loading: 0, longest: 0, task: 0 };
  for (const task of here.filter(({ name }) => name === "RunTask")) {
    let end = task.ts;
    let script = 0;
    for (const { ts, dur, tdur } of scripts) {
      // Only the outermost: what is inside of another is counted with it.
      if (ts < end || ts >= task.ts + task.dur) continue;
      end = ts + dur;
      script += (tdur ?? dur) / 1_000;
    }
    cost.script += script;
    if (task.ts < loaded?.ts) cost.loading += script;
    cost.longest = Math.max(cost.longest, script);
    cost.task += (task.tdur ?? task.dur) / 1_000;
  }
  return cost;
}
