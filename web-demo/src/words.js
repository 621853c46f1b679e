const euros = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR" });
const wholeEuros = new Intl.NumberFormat("en-IE", { style: "currency", currency: "EUR", maximumFractionDigits: 0 });

/** A price as the shop writes it: cents only where there are some. */
export const price = (amount) => (Number.isInteger(amount) ? wholeEuros : euros).format(amount);

/** "1 item", "3 items". */
export const counted = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
