// What sources say of items, prices and currencies, in the terms of GA4 and of the collector. What cannot be used is
// left out, so that it does not cost the rest of the event.

/** Signs of currencies before their codes. Those that begin with another's stand before it. */
const SIGNS = "€EUR R$BRL $USD £GBP 元CNY ¥JPY 円JPY ₹INR ₩KRW ₽RUB ₺TRY ₫VND ₪ILS ₴UAH ฿THB złPLN KčCZK".split(" ");
/** `1.299`, `1,299,000`, `1,29,900`: what stands before the last three digits is no fraction. */
const GROUPS = /^[1-9]\d{0,2}([.,])(\d\d\d?\1)*\d{3}$/;

/** @param {unknown} value @returns {number | undefined} the amount that a text such as `€ 1.299,00` means */
export const amount = (value) => {
  if (typeof value !== "number") {
    // Digits of full width become digits, hard spaces become spaces.
    const text = `${value}`.normalize("NFKC").replace(/(\d)[ '’](?=\d{3}(?!\d))/g, "$1");
    const [digits = ""] = /[-−]?\d+([.,]\d+)*/.exec(text) ?? [];
    value = digits
      ? +(GROUPS.test(digits) ? digits.replace(/[.,]/g, "") : digits.replace(/[.,](?=.*[.,])/g, "").replace(",", "."))
      : -1;
  }
  const number = /** @type {number} */ (value);
  return number >= 0 && number < 1e9 ? number : undefined;
};

/** @param {unknown} value @returns {string | undefined} the ISO 4217 code that a text names or means by a sign */
export const currency = (value) => {
  if (typeof value !== "string") return;
  const text = value.normalize("NFKC");
  if (/^[a-z]{3}$/i.test(text)) return text.toUpperCase();
  const sign = SIGNS.find((sign) => text.includes(sign.slice(0, -3)))?.slice(-3);
  if (sign === "JPY" && document.documentElement.lang.startsWith("zh")) return "CNY";
  // Only beside the amount: `UVP 12 EUR`.
  return sign ?? (/\d ?([A-Z]{3})\b/.exec(text) ?? /\b([A-Z]{3}) ?\d/.exec(text))?.[1];
};

/** @param {unknown} value */
const isPlain = (value) => value !== "" && value != null && typeof value !== "object";

/**
 * The parameters of an event, cleaned: items of GA4's fields, amounts as numbers, the currency as its code.
 * @param {any} data @returns {any}
 */
export const commerce = ({ items, ...data }) => {
  const texts = [data.currency];
  /** @param {any} fields @returns {any} */
  const clean = (fields) => {
    for (const name of ["price", "value", "discount", "quantity", "tax", "shipping"]) {
      if (!(name in fields)) continue;
      // With a space, no price is read as a code: `POA`.
      texts.push(`${fields[name]} `);
      fields[name] = amount(fields[name]);
    }
    return fields;
  };
  clean(data);
  if (Array.isArray(items)) {
    data.items = items.slice(0, 200).flatMap((item) => {
      const { id, name, currency, ...rest } = Object.fromEntries(
        Object.entries(item ?? {}).filter(([, value]) => isPlain(value)),
      );
      const fields = clean({ item_id: id, item_name: name, ...rest });
      texts.push(currency);
      return fields.item_id == null && fields.item_name == null ? [] : [fields];
    });
  }
  data.currency = texts.map(currency).find(Boolean);
  return data;
};
