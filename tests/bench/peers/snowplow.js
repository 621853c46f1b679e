import { newTracker, trackPageView, trackSelfDescribingEvent } from "@snowplow/browser-tracker";

newTracker("sp", endpoint, { appId: "shop", contexts: { webPage: true } });
globalThis.shop = {
  track: (name, data = {}) =>
    trackSelfDescribingEvent({ event: { schema: `iglu:example.shop/${name}/jsonschema/1-0-0`, data } }),
  view: () => trackPageView(),
};
shop.view();
ran();
