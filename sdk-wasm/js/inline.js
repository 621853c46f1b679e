// Beckon in one file, with tier 1 and the Wasm in it, for where a build or a server cannot follow files.
export { init } from "./beckon.js";
