import { api } from "./api.js";
import { el } from "./dom.js";
import { explain } from "./panel.js";
import { text } from "./text.js";

const words = text.signIn;

/** The form for the secret key. `ended` says that there was a session before; `onDone` is called when there is one. */
export function signIn({ ended, onDone }) {
  const field = el("input", {
    type: "password",
    id: "secret-key",
    name: "secret-key",
    autocomplete: "current-password",
    autocapitalize: "none",
    spellcheck: "false",
    required: true,
    "aria-describedby": "key-hint key-error",
  });
  const error = el("p", { class: "error", id: "key-error", role: "alert" });
  const button = el("button", { type: "submit", class: "primary" }, words.submit);

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    button.textContent = words.working;
    error.textContent = "";
    try {
      await api.signIn(field.value.trim());
      field.value = "";
      onDone();
    } catch (problem) {
      const refused = problem.code === "bad_key" || problem.code === "no_scope";
      error.textContent = refused ? words.refused : explain(problem);
      field.setAttribute("aria-invalid", "true");
      field.select();
    } finally {
      button.disabled = false;
      button.textContent = words.submit;
    }
  }

  return el(
    "main",
    { class: "signin" },
    el(
      "form",
      { class: "panel", on: { submit } },
      el("img", { src: "/icon.svg", alt: text.product, width: 40, height: 40 }),
      el("h1", {}, words.title),
      ended && el("p", { role: "status" }, words.ended),
      el("label", { for: "secret-key" }, words.key),
      field,
      error,
      button,
      el("p", { class: "hint", id: "key-hint" }, words.hint),
    ),
  );
}
