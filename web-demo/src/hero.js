/**
 * The hero: first the best that is known at once, painted with the page; later, where Beckon learns better, the other
 * offer in the same box, so that nothing moves.
 */
import { html, markup, show } from "./markup.js";
import { beckon, offerSeen, offerSelected } from "./measure.js";
import { OWN_HERO } from "./offers.js";
import { scene } from "./scenes.js";

/** How long half of the hero must be in view to count as seen. */
const SEEN_AFTER = 500;

/** The empty box; `size` is "tall" or "low". */
export const heroBox = (size) => html`<section class="hero hero-${size}" id="hero" aria-label="Offer"></section>`;

/** Fills the box and keeps it right until the returned function is called. */
export function startHero(box) {
  let shown = beckon.decide("hero", { fallback: OWN_HERO });
  let timer;
  let inView = false;
  const seen = new Set();

  const watch = () => {
    clearTimeout(timer);
    const once = `${shown.offer} ${shown.arm}`;
    if (!inView || seen.has(once)) return;
    timer = setTimeout(() => {
      seen.add(once);
      offerSeen(shown);
    }, SEEN_AFTER);
  };

  const paint = () => {
    const content = { ...OWN_HERO, ...shown.content };
    box.dataset.offer = shown.offer ?? "";
    const layer = document.createElement("div");
    layer.className = "hero-layer";
    show(
      layer,
      html`<div class="hero-scene">${markup(scene(content.theme))}</div>
        <div class="hero-words">
          <h2>${content.title}</h2>
          <p>${content.text}</p>
          <a class="button button-light" href="${local(content.href)}">${content.cta}</a>
        </div>`,
    );
    layer.querySelector("a").addEventListener("click", () => offerSelected(shown));
    const before = [...box.children];
    box.append(layer);
    if (before.length > 0) {
      layer.classList.add("is-arriving");
      for (const old of before) old.inert = true;
      // The old picture stays underneath until the new one covers it; a timer also ends it where animations are off.
      setTimeout(() => {
        for (const old of before) old.remove();
      }, 700);
    }
    watch();
  };

  paint();
  const observer = new IntersectionObserver(
    ([entry]) => {
      inView = entry.intersectionRatio >= 0.5;
      watch();
    },
    { threshold: [0, 0.5, 1] },
  );
  observer.observe(box);
  const stop = beckon.onDecision("hero", (decision) => {
    const before = JSON.stringify([shown.offer, shown.arm, shown.content ?? OWN_HERO]);
    shown = decision;
    if (JSON.stringify([shown.offer, shown.arm, shown.content ?? OWN_HERO]) !== before) paint();
  });

  return () => {
    stop();
    observer.disconnect();
    clearTimeout(timer);
  };
}

/** Offers lead to pages of this shop only. */
const local = (href) => (/^\/(?!\/)/.test(href) ? href : "/");
