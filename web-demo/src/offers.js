/**
 * The two segments, two slots and three offers of this shop. The server sets them up in the collector, and the drawer
 * prints the same conditions beside the facts that decide them.
 */

/** What the shop itself shows in the hero: painted first, and left standing when no offer applies or nothing answers. */
export const OWN_HERO = {
  title: "Goods for slow walks and small fires",
  text: "Boots that can be resoled, iron that outlives us, light for the hour after.",
  cta: "Look around",
  href: "/c/shoes",
  theme: "tarn",
};

export const SEGMENTS = [
  { id: "returning", name: "Returning visitors", condition: { visits: { $gte: 2 } } },
  {
    id: "cart-abandoner",
    name: "Something in the cart, nothing bought in 24 hours",
    condition: { "cart.items": { $gte: 1 }, "n_1d.purchase": 0 },
  },
];

export const SLOTS = [
  { id: "hero", kind: "offer", content: OWN_HERO },
  { id: "also", kind: "items", content: null },
];

export const OFFERS = [
  {
    id: "free-ship",
    slot: "hero",
    segments: ["cart-abandoner"],
    priority: 20,
    content: {
      title: "Still thinking it over?",
      text: "Free shipping on your cart today.",
      cta: "Take the free shipping",
      href: "/cart?shipping=free",
      theme: "ember",
    },
  },
  {
    id: "welcome-back",
    slot: "hero",
    segments: ["returning"],
    priority: 10,
    content: {
      title: "Good to see you again",
      text: "The evenings are drawing in, and the lamps are freshly stocked.",
      cta: "Light & warmth",
      href: "/c/light",
      theme: "dusk",
    },
  },
  {
    id: "welcome",
    slot: "hero",
    segments: [],
    priority: 0,
    content: {
      title: "Come in, the kettle is on",
      text: "First time here? Start with the boots. Everybody does.",
      cta: "See the shoes",
      href: "/c/shoes",
      theme: "dawn",
    },
  },
];
