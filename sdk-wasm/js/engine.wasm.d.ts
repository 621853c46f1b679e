/** The address of the Wasm module, where a bundler is told to treat it as a file. It is what `wasmUrl` takes. */
declare const address: string;
export default address;
