import { AnalyticsBrowser } from "@segment/analytics-next";

const analytics = AnalyticsBrowser.load(
  { writeKey: "key", cdnURL: `${endpoint}/segment` },
  { integrations: { "Segment.io": { apiHost: `${endpoint.replace("http://", "")}/segment/v1`, protocol: "http" } } },
);
globalThis.shop = {
  track: (name, data) => analytics.track(name, data),
  view: () => analytics.page(),
};
shop.view();
ran();
