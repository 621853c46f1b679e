import { GrowthBook } from "@growthbook/growthbook";
import { autoAttributesPlugin, growthbookTrackingPlugin } from "@growthbook/growthbook/plugins";

const growthbook = new GrowthBook({
  apiHost: `${endpoint}/growthbook`,
  clientKey: "key",
  plugins: [autoAttributesPlugin(), growthbookTrackingPlugin({ ingestorHost: `${endpoint}/growthbook` })],
});
growthbook.init();
globalThis.shop = {
  track: (name, data) => growthbook.logEvent(name, data),
  view: () => growthbook.logEvent("page_view", { path: location.pathname }),
  decide: (slot) => growthbook.getFeatureValue(slot, "none"),
};
shop.view();
ran();
