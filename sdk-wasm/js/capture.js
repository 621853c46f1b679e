// What the page is watched for: the table of captures. The core ones come with tier 1; the rarer ones are a chunk of
// their own, which is fetched when the page is idle after them.
import { click, PRESSED } from "./capture/click.js";
import { commerce } from "./capture/commerce.js";
import { dataLayer } from "./capture/data_layer.js";
import { hit, label } from "./capture/elements.js";
import { engagement } from "./capture/engagement.js";
import { download } from "./capture/file_download.js";
import { itemsOf, markup } from "./capture/markup.js";
import { scroll } from "./capture/scroll.js";
import { oneSource } from "./capture/sources.js";

/** @typedef {import("./tier1.js").Page} TierPage */
/**
 * The page as captures see it: tier 1's, with what they share.
 * @typedef {TierPage & typeof shared & {
 *   track: (source: number, name: string, data?: any) => void,
 *   safe: <A extends any[]>(work: (...values: A) => void) => (...values: A) => void,
 * }} Page what the browser calls by itself (timers, observers) has to be `safe`: it is then told of and does not throw
 */
/**
 * A capture: `name` is its switch in the option `capture`; start() begins to watch and may throw.
 * @typedef {{ name: string, start(page: Page): void }} Capture
 */

/** What the captures of the other chunk would otherwise need a second copy of. */
const shared = { commerce, hit, itemsOf, label, PRESSED };

const CORE = [click, download, scroll, engagement, dataLayer, markup];

/**
 * Starts the captures that are not switched off.
 * @param {TierPage} tier
 * @returns {(events: any[]) => any[]} what each batch of events has to pass before the engine sees it: it takes out
 *   those that a better source tells of, and doubles
 */
export const start = (tier) => {
  const { options, warn } = tier;
  /** @type {any} */
  const wanted = options.capture ?? {};
  const { track, merge } = oneSource(tier);
  /** @type {Page["safe"]} */
  const safe =
    (work) =>
    (...values) => {
      try {
        work(...values);
      } catch (error) {
        warn(error);
      }
    };
  const page = {
    ...tier,
    ...shared,
    safe,
    /** @type {Page["track"]} */
    track: (source, name, data) => {
      if (wanted[name] !== false) track(source, name, data);
    },
  };
  /** @param {Capture[]} captures */
  const run = (captures) => {
    for (const { name, start } of captures) if (wanted[name] !== false) safe(start)(page);
  };
  run(CORE);
  const more = () => import("./rare.js").then(({ RARE }) => run(RARE)).catch(warn);
  // A slot waits for its content.
  if (document.querySelector("[data-beckon-slot]")) more();
  else (window.requestIdleCallback ?? setTimeout)(more);
  return merge;
};
