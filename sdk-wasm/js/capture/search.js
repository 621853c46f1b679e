// `view_search_results`: the term in the address of a page of results.

/** GA4's; `capture: { view_search_results: ["suche"] }` names others. */
const PARAMETERS = ["q", "s", "search", "query", "keyword"];

/** @type {import("../capture.js").Capture} */
export const search = {
  name: "view_search_results",
  start({ options, track, viewed }) {
    const names = options.capture?.view_search_results;
    viewed(() => {
      const query = new URLSearchParams(location.search);
      const term = (Array.isArray(names) ? names : PARAMETERS).map((name) => query.get(name)?.trim()).find(Boolean);
      if (term) track(2, "view_search_results", { search_term: term });
    });
  },
};
