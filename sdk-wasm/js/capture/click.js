// `click`: on links and buttons, in the words of GA4's enhanced measurement.
const PRESSED = "a[href],button,[role=button],input[type=submit],input[type=button],summary";

export const click = {
  name: "click",
  /** @param {(name: string, data?: object) => void} track */
  start(track) {
    /** @param {any} event */
    const clicked = ({ target }) => {
      const pressed = target.closest?.(PRESSED);
      if (!pressed || pressed.closest("[data-beckon-ignore]")) return;
      const label = (pressed.ariaLabel || pressed.textContent).trim().replace(/\s+/g, " ").slice(0, 100);
      const [id, classes] = ["id", "class"].map((name) => pressed.getAttribute(name) || undefined);
      if (pressed.href) {
        const { href, host } = pressed;
        const outbound = !!host && host !== location.host;
        track("click", { link_url: href, link_text: label, outbound, link_id: id, link_classes: classes });
      } else track("click", { button_text: label, button_id: id, button_classes: classes });
    };
    // Seen before the page's own listeners, which may stop it.
    document.addEventListener("click", clicked, true);
  },
};
