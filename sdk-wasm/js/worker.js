// The engine in a worker, for pages whose content security policy lets nobody compile Wasm in them: a worker's policy
// is that of its own file. The page's side is away.js.
import { load } from "./engine.js";
import { remembering } from "./memory.js";

let memory = "";
/** @type {any} */
const mind = remembering({
  load: () => memory,
  save: (_, text) => {
    memory = text;
  },
});

// Where this is imported on a server there is nobody to hear.
globalThis.addEventListener?.("message", hear);

/**
 * A call of a function of the engine's; the answer brings along all that may be different after it. `kept` is what
 * another tab has put into storage, which a worker cannot read; `slots` are to be decided each time.
 * @param {MessageEvent} message
 */
async function hear({ data: { id, name, values, kept, slots } }) {
  try {
    memory = kept ?? memory;
    const value = await (name === "load" ? load(values[0]) : mind[name](...values));
    const decisions = slots.map((/** @type {string} */ slot) => [slot, mind.decide(slot)]);
    postMessage({ id, value, memory, standing: mind.standing(), decisions });
  } catch (error) {
    postMessage({ id, error: `${error}` });
  }
}
