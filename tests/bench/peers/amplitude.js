import * as amplitude from "@amplitude/analytics-browser";

amplitude.init("key", {
  serverUrl: `${endpoint}/amplitude/2/httpapi`,
  remoteConfig: { serverUrl: `${endpoint}/amplitude/config` },
  enableDiagnostics: false,
  autocapture: { elementInteractions: true },
});
globalThis.shop = {
  track: (name, data) => amplitude.track(name, data),
  view: () => amplitude.track("page_view", { path: location.pathname }),
  capturesClicks: true,
};
ran();
