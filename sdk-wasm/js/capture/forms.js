// `form_start` and `form_submit`: which form, never what was typed into it.

const MASK = "[data-beckon-mask]";

/**
 * Asked of attributes, since a field that is called `id` stands in the way of a form's own.
 * @param {Element} form @param {unknown} masked
 */
const fields = (form, masked) => ({
  form_id: form.getAttribute("id") ?? undefined,
  form_name: form.getAttribute("name") ?? undefined,
  form_destination: masked ? "[masked]" : new URL(form.getAttribute("action") ?? "", document.baseURI).href,
});

/** @type {import("../capture.js").Capture} */
export const started = {
  name: "form_start",
  start({ hit, on, track, viewed }) {
    let known = new WeakSet();
    viewed(() => {
      known = new WeakSet();
    });
    /** @param {Event} event */
    const typed = (event) => {
      const field = hit(event, "input,select,textarea");
      const form = field?.form;
      if (!form || known.has(form)) return;
      known.add(form);
      track(2, "form_start", fields(form, hit(event, MASK)));
    };
    for (const type of ["input", "change"]) on(document, type, typed);
  },
};

/** @type {import("../capture.js").Capture} */
export const submitted = {
  name: "form_submit",
  start({ hit, label, on, track }) {
    on(document, "submit", (event) => {
      const form = hit(event, "form");
      if (!form) return;
      const { submitter } = event;
      track(2, "form_submit", { ...fields(form, hit(event, MASK)), form_submit_text: submitter && label(submitter) });
    });
  },
};
