// The engine in a worker, seen from the page: the same functions as memory.js has, but each gives a promise.

/**
 * @param {Pick<import("./tier1.js").Tier0, "options" | "load" | "save">} tier0
 * @param {Iterable<string>} slots those to decide with each call
 * @param {(news: { standing: any, decisions: [slot: string, decision: any][] }) => void} heard
 * @returns {Promise<any>} fails where there is no such worker
 */
export const inWorker = async ({ options: { workerUrl, wasmUrl }, load, save }, slots, heard) => {
  // Bundlers look for exactly these words.
  const worker = workerUrl
    ? new Worker(workerUrl, { type: "module" })
    : new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  /** @type {[(value: any) => void, (error: unknown) => void][]} */
  const calls = [];
  /** What the worker remembers; what storage has beside it is another tab's. */
  let memory = "";
  /** @param {string} name @returns {(...values: unknown[]) => Promise<any>} */
  const call =
    (name) =>
    (...values) =>
      new Promise((resolve, reject) => {
        const id = calls.push([resolve, reject]) - 1;
        const kept = load("memory") ?? "";
        worker.postMessage({ id, name, values, kept: kept === memory ? undefined : kept, slots: [...slots] });
        memory = kept;
      });
  worker.onmessage = ({ data: { id, value, error, memory: text, ...news } }) => {
    const [resolve, reject] = calls[id];
    delete calls[id];
    if (error) return reject(error);
    if (text && load("visitor")) save("memory", text);
    memory = load("memory") ?? "";
    heard(news);
    resolve(value);
  };
  // Without a file, or without leave, nothing is heard of any call.
  worker.onerror = ({ message }) => {
    for (const [, reject] of Object.values(calls)) reject(message);
  };
  await call("load")(wasmUrl && new URL(wasmUrl, document.baseURI).href);
  const names = ["begin", "take", "told", "clean", "learn", "standing"];
  return Object.fromEntries(names.map((name) => [name, call(name)]));
};
