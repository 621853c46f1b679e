import { PRODUCTS } from "./src/catalogue.js";
import { picture } from "./src/pictures.js";

/**
 * Writes every product's picture as a file too: the catalogue's `image` links point there.
 * @type {import("vite").Plugin}
 */
const pictureFiles = {
  name: "picture-files",
  generateBundle() {
    for (const product of PRODUCTS) {
      this.emitFile({ type: "asset", fileName: `pictures/${product.id}.svg`, source: picture(product) });
    }
  },
};

/**
 * While developing, the two settings that serve.mjs gives the page come from the environment.
 * @type {import("vite").Plugin}
 */
const settings = {
  name: "settings",
  configureServer(server) {
    server.middlewares.use("/beckon.json", (_request, response) => {
      const { BECKON_ENDPOINT = "http://127.0.0.1:8787", BECKON_PUBLIC_KEY } = process.env;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ endpoint: BECKON_ENDPOINT, key: BECKON_PUBLIC_KEY }));
    });
  },
};

/** @type {import("vite").UserConfig} */
export default {
  plugins: [pictureFiles, settings],
  server: { host: "127.0.0.1" },
  build: {
    // The page waits for its settings with a top-level await.
    target: "es2022",
    // Inlined files would be data: addresses, which the page's content security policy refuses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
};
