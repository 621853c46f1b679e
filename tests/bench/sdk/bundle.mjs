/** A bundle as a shop of some size has it. */

/** Conditions over all kinds of facts, as they are met in shops. @type {((index: number) => object)[]} */
const CONDITIONS = [
  (index) => ({ "cart.items": { $gte: 1 + (index % 4) }, "n_1d.purchase": 0 }),
  (index) => ({ "n_7d.view_item": { $gte: index % 9 }, "n_30d.purchase": { $lt: 1 + (index % 3) } }),
  (index) => ({ "session.utm_source": { $in: ["mail", "ads", `partner-${index}`] } }),
  (index) => ({ top_category: `category-${index % 12}`, "sum_30d.purchase": { $gt: index * 5 } }),
  (index) => ({ $or: [{ visits: { $gte: 3 + (index % 5) } }, { "first_seen.age_s": { $lt: 3600 * index } }] }),
  (index) => ({ "rfm.segment": { $in: ["champions", "loyal", "at-risk"] }, "clv.value_90d": { $gte: index } }),
  (index) => ({
    "device.type": index % 2 ? "mobile" : "desktop",
    country: { $nin: ["US", "CA"] },
    language: { $exists: true },
  }),
  (index) => ({
    $and: [
      { "last.add_to_cart.age_s": { $lt: 60 * (index + 1) } },
      { $not: { "last.purchase.age_s": { $lt: 86_400 } } },
    ],
  }),
  (index) => ({
    "session.landing.path": { $ne: `/sale/${index}` },
    "session.pages": { $gte: index % 6 },
    "cart.value": { $gt: 20, $lte: 20 + index * 10 },
  }),
  (index) => ({
    "trait.plan": { $in: ["gold", "silver"] },
    $nor: [{ "user.known": false }, { "n.refund": { $gt: index % 2 } }],
  }),
];

/**
 * So many segments, and half as many offers: for three slots, with two or three arms, caps, schedules and stock. The
 * offers that everybody may have come last, so that a decision tries the others before them.
 * @param {number} size
 */
export function bundle(size) {
  const segments = Array.from({ length: size }, (_, index) => ({
    id: `segment-${index}`,
    condition: CONDITIONS[index % CONDITIONS.length](index),
  }));
  const offers = Array.from({ length: Math.max(size >> 1, 3) }, (_, index) => {
    const count = 2 + (index % 2);
    const even = Math.floor(10_000 / count);
    return {
      id: `offer-${index}`,
      slot: `slot-${index % 3}`,
      segments: index < 3 ? [] : [`segment-${(index * 2) % size}`, `segment-${(index * 2 + 1) % size}`],
      priority: index,
      weights_version: 3,
      arms: Array.from({ length: count }, (_, arm) => ({
        id: "abc"[arm],
        content: {
          title: `Offer ${index}`,
          text: "Free shipping from 50 € on, this week",
          image: `/offers/${index}-${arm}.webp`,
        },
        weight: arm ? even : 10_000 - even * (count - 1),
      })),
      caps: index % 4 ? { visitor: 5, session: 2 } : {},
      starts: index % 5 ? undefined : "2026-01-01T00:00:00Z",
      ends: index % 7 ? undefined : "2036-01-01T00:00:00Z",
      items: index % 3 ? undefined : [`sku${index}`],
    };
  });
  const slots = [0, 1, 2].map((slot) => ({ id: `slot-${slot}`, kind: "offer", content: { title: "The shop's own" } }));
  return { version: 1, site: "default", holdout: 0.05, segments, offers, slots, sold_out: ["sku9", "sku30"] };
}
