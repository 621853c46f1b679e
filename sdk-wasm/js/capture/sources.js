// One source an event: what track() says goes over what dataLayer says, over the attributes in the page, over JSON-LD.
// And what fires twice at once is one event. Both are for events that are about something (items, an order, an offer):
// two equal events about nothing may well have happened.
//
// A lesser source therefore waits a little for a better one.

// Other scripts may put something else in its place later.
const { stringify } = JSON;

/** @typedef {{ source: number, name: string, subject: string, text: string | undefined, time: number, data?: any }} Told */

/** JSON-LD is there before anything has happened, and names items by numbers of its own. */
const JSON_LD = 3;
/** How long sources wait for a better one. */
const PATIENCE = 500;
const JSON_LD_PATIENCE = 2000;
/** The same event of the same source within this time is a double; nobody clicks as fast. */
const DOUBLE = 100;
const REMEMBERED = 50;

/** @param {import("../tier1.js").Page} page */
export const oneSource = ({ track, left, viewed }) => {
  /** @type {Told[]} */
  let recent = [];
  /** @type {Set<Told>} */
  const waiting = new Set();

  /** @param {number} source @param {string} name @param {any} data @param {number} time @returns {Told} */
  const told = (source, name, data, time) => {
    const { items, transaction_id, promotion_id, creative_slot } = data;
    const ids = transaction_id ?? items?.map?.((/** @type {any} */ item) => item?.item_id ?? item?.item_name);
    const subject = [ids, promotion_id, creative_slot].join();
    // Two commas are about nothing.
    const text = subject[2] && stringify(data);
    return { source, name, subject, text, time, data };
  };
  /** Whether an event is known already, from as good a source. @param {Told} one */
  const known = (one) => {
    if (!one.text) return false;
    for (const other of recent) {
      const anyItem = one.source === JSON_LD || other.source === JSON_LD;
      if (one.name !== other.name || !(anyItem || one.subject === other.subject)) continue;
      const apart = one.time - other.time;
      const isDouble = one.source === other.source && apart < DOUBLE && one.text === other.text;
      if (isDouble || (one.source > other.source && (anyItem || apart < PATIENCE))) return true;
      if (one.source < other.source) waiting.delete(other);
    }
    recent = [...recent.slice(1 - REMEMBERED), one];
    return false;
  };
  /** @param {Told} one */
  const release = (one) => {
    if (waiting.delete(one)) track(one.source, one.name, one.data);
  };
  left(() => waiting.forEach(release));
  viewed(() => {
    // The item of the page before is another one.
    recent = recent.filter(({ time }) => Date.now() - time < PATIENCE);
  });

  return {
    /** @param {number} source @param {string} name @param {any} [data] */
    track(source, name, data = {}) {
      const one = told(source, name, data, Date.now());
      if (known(one)) return;
      if (one.text) {
        waiting.add(one);
        setTimeout(release, source === JSON_LD ? JSON_LD_PATIENCE : PATIENCE, one);
      } else track(source, name, data);
    },
    /** @param {any[]} events with the source in `page` where it is not track() */
    merge: (events) =>
      events.filter(({ id, at, page, ...data }) => page.source || !known(told(0, data.name, data, +new Date(at)))),
  };
};
