/** What the bench measures: Beckon and its peers, each from npm, pinned, and built as a shop would build it. */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { minify } from "vite";
import { dist } from "../../../scripts/build-sdk.mjs";
import { Failure, run, step } from "../../../scripts/run.mjs";
import { cache } from "../../../scripts/setup.mjs";
import { bundle } from "./bundle.mjs";

const entries = fileURLToPath(new URL("../peers", import.meta.url));

/**
 * The tracker of Umami is in no package by itself: this release of the whole application has its source, which is
 * minified here as the application's own build does. Its dependencies, a web server's, are left out.
 */
const UMAMI = {
  package: "umami@2.10.0",
  integrity: "sha512-+lmrnV0751R6U2rkIgVAlE1nWI7yZawlMlJDguW9tlFacCKhnGeCyc7tCMIhNNYIiGIQy4DEX5IzJhm4b3+dPA==",
  tracker: "package/src/tracker/index.js",
};

/**
 * @typedef {object} Peer
 * @property {string} name
 * @property {string} version
 * @property {RegExp} ingest the paths that take its events
 * @property {RegExp} [id] finds the ids of the events in a request
 * @property {(path: string, text: string, query: URLSearchParams) => any} answers what its server says, nothing where
 *   the path is not its
 * @property {{ name: string, path: string, first: boolean }[]} files what a page may load; `first` with the page itself
 * @property {(at: string, endpoint: string) => string} tags what a shop writes into its pages
 */

/** Of what is stored under these ids before, for the stand-in of Beckon's collector. @type {Set<string>} */
const stored = new Set();

/** What each answers and where; the scripts of the shop are in `../peers/<name>.js`. @type {Pick<Peer, "name" | "ingest" | "id" | "answers">[]} */
const PEERS = [
  {
    name: "beckon",
    ingest: /^\/v1\/events$/,
    id: /"id":"([0-9a-f-]{36})"/g,
    answers: (path, text, query) => {
      if (path === "/v1/bundle") return bundle(query.get("key")?.endsWith("large") ? 200 : 5);
      if (path !== "/v1/events") return;
      if (!text) return {};
      const { events, decide } = JSON.parse(text);
      const results = events.map((/** @type {{ id: string }} */ { id }) => {
        const status = stored.has(id) ? "duplicate" : "stored";
        stored.add(id);
        return { id, status };
      });
      return {
        results,
        decision: decide && { bundle: 1, segments: [], facts: { "device.type": "desktop" }, slots: {} },
      };
    },
  },
  {
    name: "plausible",
    ingest: /^\/plausible\/api\/event$/,
    answers: (path) => (path === "/plausible/api/event" ? "ok" : undefined),
  },
  {
    name: "umami",
    ingest: /^\/umami\/api\/send$/,
    answers: (path) => (path === "/umami/api/send" ? "a-token-of-the-session" : undefined),
  },
  {
    name: "growthbook",
    ingest: /^\/growthbook\/track$/,
    answers: (path) => {
      if (path === "/growthbook/track") return {};
      if (path === "/growthbook/api/features/key")
        return { status: 200, features: features(), dateUpdated: "2026-11-24T00:00:00Z" };
    },
  },
  {
    name: "snowplow",
    ingest: /^\/com\.snowplowanalytics\.snowplow\/tp2$/,
    id: /"eid":"([^"]+)"/g,
    answers: (path) => (path === "/com.snowplowanalytics.snowplow/tp2" ? "ok" : undefined),
  },
  {
    name: "segment",
    ingest: /^\/segment\/v1\/[a-z]+$/,
    id: /"messageId":"([^"]+)"/g,
    answers: (path) => {
      if (/^\/segment\/v1\/[a-z]+$/.test(path)) return { success: true };
      if (path !== "/segment/v1/projects/key/settings") return;
      return {
        integrations: {
          "Segment.io": {
            apiKey: "key",
            unbundledIntegrations: [],
            addBundledMetadata: true,
            versionSettings: { version: "4.4.7", componentTypes: ["browser"] },
          },
        },
        plan: { track: { __default: { enabled: true, integrations: {} } }, identify: { __default: { enabled: true } } },
        edgeFunction: {},
        analyticsNextEnabled: true,
        middlewareSettings: {},
        enabledMiddleware: {},
        metrics: { sampleRate: 0 },
        legacyVideoPluginsEnabled: false,
        remotePlugins: [],
      };
    },
  },
  {
    name: "amplitude",
    ingest: /^\/amplitude\/2\/httpapi$/,
    id: /"insert_id":"([^"]+)"/g,
    answers: (path, text) => {
      if (path === "/amplitude/2/httpapi") return { code: 200, events_ingested: 1, payload_size_bytes: text.length };
      if (path.startsWith("/amplitude/config")) return { configs: { analyticsSDK: { browserSDK: {} } } };
    },
  },
  {
    name: "posthog",
    ingest: /^\/posthog\/(i\/v0\/)?e\/$/,
    id: /"uuid":"([^"]+)"/g,
    answers: (path) => {
      if (/^\/posthog\/(i\/v0\/)?e\/$/.test(path)) return { status: 1 };
      if (/^\/posthog\/flags/.test(path)) return { flags: {}, errorsWhileComputingFlags: false, quotaLimited: [] };
      if (/^\/posthog\/array\/.*\/config$/.test(path))
        return {
          supportedCompression: ["gzip-js"],
          hasFeatureFlags: false,
          captureDeadClicks: false,
          capturePerformance: false,
          autocapture_opt_out: false,
          autocaptureExceptions: false,
          analytics: { endpoint: "/i/v0/e/" },
          elementsChainAsString: true,
          sessionRecording: false,
          heatmaps: false,
          surveys: false,
          defaultIdentifiedOnly: true,
          siteApps: [],
        };
    },
  },
  {
    name: "rudderstack",
    ingest: /^\/rudderstack\/v1\/[a-z]+$/,
    id: /"messageId":"([^"]+)"/g,
    answers: (path) => {
      if (/^\/rudderstack\/v1\/[a-z]+$/.test(path)) return "OK";
      if (!path.startsWith("/rudderstack/sourceConfig")) return;
      const config = { statsCollection: { errors: { enabled: false }, metrics: { enabled: false } } };
      return {
        source: {
          id: "1",
          name: "shop",
          writeKey: "key",
          enabled: true,
          workspaceId: "1",
          config,
          destinations: [],
          connections: [],
          dataplanes: {},
        },
        updatedAt: "2026-11-24T00:00:00Z",
      };
    },
  },
  {
    name: "mixpanel",
    ingest: /^\/mixpanel\/track\/$/,
    id: /"\$insert_id": ?"([^"]+)"/g,
    answers: (path) => {
      if (path === "/mixpanel/track/") return { status: 1, error: null };
      if (/^\/mixpanel\/(settings|flags)/.test(path)) return { settings: {}, flags: {} };
    },
  },
];

/** As many rules as the page of Beckon has in its bundle, for the peer that decides in the page. */
function features() {
  const rules = [
    { condition: { country: "DE" }, force: "free" },
    { coverage: 0.5, variations: ["none", "free"], key: "free" },
  ];
  return Object.fromEntries(
    Array.from({ length: 3 }, (_, index) => [`slot-${index}`, { defaultValue: "none", rules }]),
  );
}

/**
 * Installs and builds them all into a folder; those named in `only`, where it names any.
 * @param {string} into @param {string[]} only
 * @returns {Promise<Peer[]>}
 */
export async function peers(into, only) {
  const lock = readFileSync(join(entries, "package-lock.json"));
  const folder = join(
    cache,
    `peers-${createHash("sha256").update(lock).update(UMAMI.integrity).digest("hex").slice(0, 16)}`,
  );
  if (!existsSync(join(folder, "complete"))) await step("peers from npm", () => install(folder));
  const unknown = only.filter((name) => !PEERS.some((peer) => peer.name === name));
  if (unknown.length > 0) throw new Failure(`There is no peer "${unknown[0]}".`);
  cpSync(entries, join(folder, "entries"), { recursive: true, filter: (path) => !/\.json$/.test(path) });
  /** @type {Peer[]} */
  const built = [];
  for (const peer of PEERS) {
    if (only.length > 0 && !only.includes(peer.name)) continue;
    const out = join(into, peer.name);
    const umami = peer.name === "umami";
    if (umami) await buildUmami(folder, out);
    else await bundled(join(folder, "entries", `${peer.name}.js`), out);
    const files = readdirSync(out, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith(".map"))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => ({ name: path.slice(out.length + 1), path, first: /^(main|script)\.js$/.test(basename(path)) }));
    const { dependencies = {} } = JSON.parse(readFileSync(join(entries, "package.json"), "utf8"));
    const named = Object.keys(dependencies).find((name) => name.includes(peer.name));
    built.push({
      ...peer,
      version: umami ? UMAMI.package.split("@")[1] : named ? dependencies[named] : "",
      files,
      tags: (at, endpoint) =>
        umami
          ? `<script defer src="${at}/script.js" data-website-id="0193c0de-0000-4000-8000-000000000000" data-host-url="${endpoint}/umami"></script>
             <script type="module" src="${at}/main.js"></script>`
          : `<script type="module" src="${at}/main.js"></script>`,
    });
  }
  return built;
}

/**
 * Beckon as its sources are, so that a profile names the functions; what only the build makes is taken from there.
 * @param {string} into a folder for the script that starts it
 * @returns {Peer}
 */
export function sources(into) {
  const js = join(dist, "..", "js");
  const [beckon] = PEERS;
  const names = [dist, js].flatMap((folder) => readdirSync(folder, { recursive: true, encoding: "utf8" }));
  const files = [...new Set(names)]
    .filter((name) => /\.(js|wasm)$/.test(name))
    .map((name) => ({
      name,
      path: [js, dist].map((folder) => join(folder, name)).find(existsSync) ?? "",
      first: false,
    }));
  const entry = join(into, "beckon-profiled.js");
  writeFileSync(entry, readFileSync(join(entries, "beckon.js"), "utf8").replace('"beckon"', '"./beckon.js"'));
  files.push({ name: "main.js", path: entry, first: true });
  return { ...beckon, version: "", files, tags: (at) => `<script type="module" src="${at}/main.js"></script>` };
}

/** @param {string} folder */
async function install(folder) {
  mkdirSync(folder, { recursive: true });
  for (const name of ["package.json", "package-lock.json"]) cpSync(join(entries, name), join(folder, name));
  await run("npm", ["ci", "--ignore-scripts", "--loglevel=error"], { cwd: folder });
  await run("npm", ["pack", UMAMI.package, "--loglevel=error", "--silent"], { cwd: folder });
  const archive = join(folder, "umami-2.10.0.tgz");
  const integrity = `sha512-${createHash("sha512").update(readFileSync(archive)).digest("base64")}`;
  if (integrity !== UMAMI.integrity) throw new Failure(`${UMAMI.package} is not what it was: ${integrity}`);
  await run("tar", ["-xzf", archive, UMAMI.tracker], { cwd: folder });
  writeFileSync(join(folder, "complete"), "");
}

/** @param {string} folder @param {string} out */
async function buildUmami(folder, out) {
  mkdirSync(out, { recursive: true });
  const source = readFileSync(join(folder, UMAMI.tracker), "utf8");
  const { code } = await minify("script.js", source, { compress: { target: "es2020" } });
  writeFileSync(join(out, "script.js"), code);
  const main = await minify("main.js", readFileSync(join(folder, "entries", "umami.js"), "utf8"), { module: true });
  writeFileSync(join(out, "main.js"), main.code);
}

/**
 * A production build by esbuild, one script with what it imports lazily beside it.
 * @param {string} entry @param {string} out
 */
async function bundled(entry, out) {
  await build({
    entryPoints: { main: entry },
    outdir: out,
    bundle: true,
    splitting: true,
    format: "esm",
    minify: true,
    target: "es2022",
    logLevel: "error",
    alias: { beckon: join(dist, "beckon.js") },
    define: { "process.env.NODE_ENV": '"production"' },
  });
  // Which esbuild leaves to the shop to serve beside the scripts.
  if (basename(entry) === "beckon.js") cpSync(join(dist, "engine.wasm"), join(out, "engine.wasm"));
}
