import { RudderAnalytics } from "@rudderstack/analytics-js/bundled";

const analytics = new RudderAnalytics();
analytics.load("key", `${endpoint}/rudderstack`, { configUrl: `${endpoint}/rudderstack` });
globalThis.shop = {
  track: (name, data) => analytics.track(name, data),
  view: () => analytics.page(),
};
shop.view();
ran();
