/** Moves between the pages of the shop without loading a new document. */

/**
 * `routes` are `[pattern, page]`; a pattern's `:name` is handed to the page. A page gets `(params, query)` and returns
 * `{title, body, ready}`: `ready(main)` runs when it stands in the document, and may return what to do on leaving.
 */
export function router(routes, { missing, draw }) {
  let leave;

  const pageOf = (location) => {
    for (const [pattern, page] of routes) {
      const params = match(pattern, location.pathname);
      const drawn = params && page(params, new URLSearchParams(location.search));
      if (drawn) return drawn;
    }
    return missing();
  };

  const render = (arrived) => {
    leave?.();
    const page = pageOf(location);
    document.title = page.title;
    leave = draw(page, arrived);
  };

  const go = (href) => {
    history.pushState(null, "", href);
    render(true);
    window.scrollTo({ top: 0, behavior: "instant" });
  };

  window.addEventListener("popstate", () => render(true));
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='/']");
    const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || !plain || event.defaultPrevented || link.hasAttribute("data-load")) return;
    event.preventDefault();
    go(link.getAttribute("href"));
  });

  render(false);
  return { go };
}

function match(pattern, path) {
  const wanted = pattern.split("/");
  const given = path.replace(/(.)\/$/, "$1").split("/");
  if (wanted.length !== given.length) return null;
  const params = {};
  for (const [index, part] of wanted.entries()) {
    if (part.startsWith(":")) params[part.slice(1)] = given[index];
    else if (part !== given[index]) return null;
  }
  return params;
}
