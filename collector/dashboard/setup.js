import { el } from "./dom.js";
import { text } from "./text.js";

const words = text.setup;

/** What to do while there is no event at all: the snippet, with this site's key and this collector's address. */
export function setup(site) {
  return el(
    "section",
    { class: "panel setup wide", "aria-labelledby": "setup-title" },
    el("div", { class: "top" }, el("h2", { id: "setup-title" }, words.title)),
    el("p", {}, words.intro),
    snippet("setup-page", words.page, inPage(site.public_key, location.origin)),
    snippet("setup-terminal", words.terminal, inTerminal(site.public_key, location.origin)),
    el("p", { class: "waiting" }, words.waiting),
  );
}

function snippet(id, title, code) {
  const body = el("code", {}, code);
  const copied = el("span", { class: "copied", role: "status" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(code);
      copied.textContent = words.copied;
    } catch {
      // Over plain http the clipboard is closed to pages; the selection is not.
      getSelection().selectAllChildren(body);
      copied.textContent = words.select;
    }
  };
  return el(
    "div",
    { class: "snippet" },
    el(
      "div",
      { class: "top" },
      el("h3", { id }, title),
      copied,
      el("button", { type: "button", "aria-describedby": id, on: { click: copy } }, words.copy),
    ),
    el("pre", { class: "json", tabindex: 0, role: "region", "aria-labelledby": id }, body),
  );
}

function inPage(key, endpoint) {
  return [
    `import { init } from "beckon"; // ${words.pageComment}`,
    "",
    `const beckon = init({ key: ${JSON.stringify(key)}, endpoint: ${JSON.stringify(endpoint)} });`,
  ].join("\n");
}

function inTerminal(key, endpoint) {
  const visitor = "00000000-0000-7000-8000-000000000001";
  const body = {
    key,
    visitor,
    events: [{ name: "page_view", at: new Date().toISOString(), page: { url: "https://shop.example/" } }],
  };
  // The key is the collector's own, but it stands inside a shell's quotes here.
  const quoted = JSON.stringify(body).replaceAll("'", "'\\''");
  // By its own user agent curl would be filtered like any bot.
  const said = "-A 'my terminal' -H 'Content-Type: application/json'";
  return `curl ${endpoint}/v1/events ${said} \\\n  -d '${quoted}'`;
}
