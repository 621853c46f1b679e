import { init, track } from "@plausible-analytics/tracker";

const flat = ({ items, ...data } = {}) => ({ ...data, ...items?.[0] });

init({
  domain: "shop.example",
  endpoint: `${endpoint}/plausible/api/event`,
  captureOnLocalhost: true,
  outboundLinks: true,
  fileDownloads: true,
});
globalThis.shop = {
  // Its properties are flat texts and numbers.
  track: (name, data) =>
    track(name, {
      props: flat(data),
      ...(data?.currency && { revenue: { amount: data.value, currency: data.currency } }),
    }),
  view: () => track("pageview", {}),
};
ran();
