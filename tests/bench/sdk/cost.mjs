/** What a script costs the page's main thread. */

/** @typedef {import("playwright-core").Browser} Browser */
/** Milliseconds of the main thread's and of the whole process's own time, the page's loading included. */
/** @typedef {{ script: number, task: number, process: number }} Cost */

/** Long enough for what waits for an idle moment, and for the first batch to be sent and answered. */
const SETTLED_MS = 3_500;

/**
 * Loads a page in a new visitor's browser and reads Chromium's own meters, which count processor time: a busy machine
 * makes it later, not dearer. Nothing is evaluated in the page.
 * @param {Browser} browser @param {string} url
 * @returns {Promise<Cost>}
 */
export async function load(browser, url) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    await session.send("Performance.enable", { timeDomain: "threadTicks" });
    await page.goto(url);
    await page.waitForTimeout(SETTLED_MS);
    const { metrics } = await session.send("Performance.getMetrics");
    const ms = (/** @type {string} */ name) => (metrics.find((metric) => metric.name === name)?.value ?? 0) * 1000;
    return { script: ms("ScriptDuration"), task: ms("TaskDuration"), process: ms("ProcessTime") };
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
  "v8.compile",
  "v8.compileModule",
  "v8.evaluateModule",
  "RunMicrotasks",
]);
const CATEGORIES = ["toplevel", "devtools.timeline", "v8", "v8.wasm", "disabled-by-default-devtools.timeline"];

/**
 * How long scripts run in the longest of all tasks of a page's main thread while it loads and settles, in milliseconds
 * of processor time. What the browser does beside in that task, as laying out the page, is not a script's doing.
 * @param {Browser} browser @param {string} url
 */
export async function longestTask(browser, url) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await browser.startTracing(page, { categories: CATEGORIES });
    await page.goto(url);
    await page.waitForTimeout(SETTLED_MS);
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
    return scriptsByTask(traceEvents, new URL(url).origin).sort((one, other) => other.ms - one.ms)[0]?.ms ?? 0;
  } finally {
    await context.close();
  }
}

/** @param {any[]} events of a trace @param {string} origin whose scripts tell which thread is the page's */
function scriptsByTask(events, origin) {
  const complete = events.filter(({ ph }) => ph === "X");
  const own = complete.find(({ args }) => `${args?.data?.url ?? args?.fileName ?? ""}`.startsWith(origin));
  const here = complete.filter(({ pid, tid }) => pid === own?.pid && tid === own?.tid);
  const tasks = here.filter(({ name }) => name === "RunTask" || name === "ThreadControllerImpl::RunTask");
  const scripts = here.filter(({ name }) => SCRIPT.has(name)).sort((one, other) => one.ts - other.ts);
  return tasks.map((task) => {
    let end = 0;
    let ms = 0;
    /** @type {string[]} */
    const what = [];
    for (const script of scripts) {
      // Only the outermost: what is inside of another is counted with it.
      if (script.ts < Math.max(task.ts, end) || script.ts >= task.ts + task.dur) continue;
      end = script.ts + script.dur;
      ms += (script.tdur ?? script.dur) / 1000;
      what.push(`${script.name} ${script.args?.data?.functionName ?? ""}`);
    }
    return { ms, what };
  });
}
