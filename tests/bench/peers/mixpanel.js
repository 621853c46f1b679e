import mixpanel from "mixpanel-browser";

mixpanel.init("key", {
  api_host: `${endpoint}/mixpanel`,
  persistence: "localStorage",
  autocapture: { pageview: "full-url", click: true },
});
globalThis.shop = {
  track: (name, data) => mixpanel.track(name, data),
  view: () => mixpanel.track_pageview(),
  capturesClicks: true,
};
ran();
