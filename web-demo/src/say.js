import { show } from "./markup.js";

const said = document.querySelector("#said");
let timer;

/** Takes the word away, as on the next page it would speak of something else. */
export const hush = () => said.classList.remove("is-said");

/** A short word at the lower edge of the page, read out by screen readers. */
export function say(content) {
  show(said, content);
  said.classList.add("is-said");
  clearTimeout(timer);
  timer = setTimeout(hush, 4500);
}
