/** Where the engine's Wasm is: beside this file. `beckon/inline` has inline_source.js in place of this. */
export const source = () => new URL("./engine.wasm", import.meta.url);
