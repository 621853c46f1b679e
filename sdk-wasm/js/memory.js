// The engine with what the browser remembers of the visitor, one text in storage that all tabs share. It runs in the
// page, or in a worker where the page may not compile Wasm.
import * as engine from "./engine.js";

// Other scripts may put something else in their places later.
const { parse, stringify } = JSON;

/** What a text of storage says; nothing where somebody else has written it. @param {string} [text] @returns {any} */
export const parsed = (text) => {
  try {
    // An error that is thrown costs a page more than all else here.
    if (text) return parse(text);
  } catch {}
};

/** @param {{ load(name: string): string | undefined, save(name: string, text: string): void }} storage */
export const remembering = ({ load, save }) => {
  let visitor = "";
  let memory = "";
  /** Takes over what another tab has remembered since. */
  const remember = () => {
    const text = load("memory") ?? "";
    if (text && text !== memory) engine.start(visitor, text);
    memory = text;
  };
  /** Other tabs go on from here. */
  const keep = () => {
    memory = engine.kept();
    save("memory", memory);
  };
  return {
    /**
     * Begins with a visitor, `""` for nobody.
     * @param {string} whose @param {object[]} missed events that left before the engine was there
     * @param {object} [facts] what only the collector knows
     */
    begin(whose, missed, facts) {
      visitor = whose;
      memory = "";
      engine.start(visitor);
      remember();
      if (facts) engine.told({ facts });
      if (!missed[0]) return;
      engine.take(missed);
      keep();
    },
    /** @param {object[]} events @returns {any[]} see the engine's take() */
    take(events) {
      remember();
      const taken = engine.take(events);
      keep();
      return taken;
    },
    /** @param {object} answer what the collector says of the visitor */
    told(answer) {
      remember();
      engine.told(answer);
      keep();
    },
    clean: engine.clean,
    learn: engine.learn,
    /** @param {string} slot @param {boolean} [debug] */
    decide: (slot, debug) => engine.decide(slot, Date.now(), debug),
    standing: () => engine.standing(Date.now()),
  };
};
