// The engine's Wasm in a text, where beckon/inline has it: deflated, since the base64 of the module itself would be
// twice as long to read and would be sent a tenth larger even under brotli.
import packed from "./engine.wasm";

/** The Wasm itself; fails where the browser cannot inflate, and the page goes on with tier 0. */
export const source = () => {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"))).arrayBuffer();
};
