import { init } from "beckon";

const large = new URLSearchParams(location.search).has("large");
const beckon = init({ key: large ? "pk_bench_large" : "pk_bench_small", endpoint });
globalThis.shop = {
  track: (name, data) => beckon.track(name, data),
  view: () => beckon.page(),
  capturesClicks: true,
  decide: (slot) => beckon.decide(slot),
  beckon,
};
ran();
