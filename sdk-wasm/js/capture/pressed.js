// How an element that was clicked is told of.
/**
 * The text of links and buttons alone: what else there is to click may hold anything.
 * @param {MouseEvent} event @param {import("../capture.js").Page} page
 */
export const describe = (event, { hit, label, PRESSED }) => {
  const pressed = hit(event, PRESSED);
  const element = pressed ?? hit(event, "*");
  const [id, classes] = ["id", "class"].map((name) => element.getAttribute(name)?.trim());
  const selector = `${element.localName}${id ? `#${id}` : ""}${classes ? `.${classes.replace(/\s+/g, ".")}` : ""}`;
  return { element: selector.slice(0, 100), element_text: pressed && label(pressed) };
};
