// `file_download`: links to GA4's kinds of files, and those that the page says are downloads.
import { linked, linkFields } from "./click.js";

const FILE =
  /\.(pdf|xlsx?|docx?|txt|rtf|csv|exe|key|pp[st]x?|7z|pkg|rar|gz|zip|avi|mov|mp4|mpe?g|wmv|midi?|mp3|wav|wma)$/i;

/** @type {import("../capture.js").Capture} */
export const download = {
  name: "file_download",
  start({ on, track }) {
    /** @param {MouseEvent} event */
    const clicked = (event) => {
      const link = linked(event);
      if (!link) return;
      const [, extension] = FILE.exec(link.pathname) ?? [];
      if (!extension && !link.hasAttribute("download")) return;
      const fields = linkFields(link);
      const name = fields.link_url === link.href ? link.getAttribute("download") || link.pathname : fields.link_url;
      track(2, "file_download", { ...fields, file_name: name, file_extension: extension?.toLowerCase() });
    };
    on(document, "click", clicked);
    on(document, "auxclick", clicked);
  },
};
