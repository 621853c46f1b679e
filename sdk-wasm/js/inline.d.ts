/** The same as `beckon`, in one file with the Wasm in it. */
export * from "./index.js";
