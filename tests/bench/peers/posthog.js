import posthog from "posthog-js";

posthog.init("phc_key", {
  api_host: `${endpoint}/posthog`,
  defaults: "2025-05-24",
  person_profiles: "identified_only",
});
globalThis.shop = {
  track: (name, data) => posthog.capture(name, data),
  view: () => posthog.capture("$pageview"),
  capturesClicks: true,
  decide: (slot) => posthog.getFeatureFlag(slot),
};
ran();
