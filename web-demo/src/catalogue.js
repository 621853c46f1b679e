/**
 * What the shop sells. Plain data without any browser API, because the server reads it too: it uploads the catalogue
 * to the collector and its sample shoppers walk through it.
 */

/** The shelves of the shop, in the order of the menu. `id` is what events carry as `item_category`. */
export const CATEGORIES = [
  { id: "shoes", name: "Shoes", line: "Made to be resoled, and to be walked in first." },
  { id: "packs", name: "Packs", line: "For one night, one market or one very long lunch." },
  { id: "kitchen", name: "Camp kitchen", line: "Iron, enamel and steel. Nothing that beeps." },
  { id: "light", name: "Light & warmth", line: "For the hours after the walk." },
];

/**
 * @typedef {{ id: string, name: string, category: string, price: number, stock: number, tone: string, text: string,
 *   details: string[] }} Product
 */

/**
 * Every product. `tone` names a colour family of the pictures.
 * @type {Product[]}
 */
export const PRODUCTS = [
  {
    id: "tarn-boot",
    name: "Tarn Boot",
    category: "shoes",
    price: 189,
    stock: 24,
    tone: "chestnut",
    text: "Our walking boot in oiled leather. Stiff enough for scree, soft enough for the pub afterwards.",
    details: ["Oiled full-grain leather", "Stitched sole, made to be resoled", "540 g each"],
  },
  {
    id: "fell-runner",
    name: "Fell Runner",
    category: "shoes",
    price: 129,
    stock: 40,
    tone: "ember",
    text: "Light, low and grippy on wet grass. The shoe for people who come home muddy on purpose.",
    details: ["Recycled mesh", "6 mm lugs", "245 g each"],
  },
  {
    id: "moss-chelsea",
    name: "Moss Chelsea",
    category: "shoes",
    price: 165,
    stock: 18,
    tone: "fern",
    text: "A pull-on boot in waxed suede. No laces, no fuss, no reason to take them off before dinner.",
    details: ["Waxed suede", "Elastic side panels", "Crepe sole"],
  },
  {
    id: "creek-sandal",
    name: "Creek Sandal",
    category: "shoes",
    price: 85,
    stock: 35,
    tone: "sea",
    text: "Two straps, one buckle, dries in an hour. Made for stepping stones and missed stepping stones.",
    details: ["Quick-drying straps", "Cork footbed", "Natural rubber sole"],
  },
  {
    id: "felt-slipper",
    name: "Felt Slipper",
    category: "shoes",
    price: 59,
    stock: 60,
    tone: "stone",
    text: "Thick wool felt on a leather sole. The quietest shoe we make.",
    details: ["100 % wool felt", "Leather sole", "Gets better with age"],
  },
  {
    id: "harbour-clog",
    name: "Harbour Clog",
    category: "shoes",
    price: 95,
    stock: 22,
    tone: "ochre",
    text: "Alder wood and honest leather. For gardens, porches and short discussions with neighbours.",
    details: ["Alder sole", "Vegetable-tanned leather", "Brass studs"],
  },
  {
    id: "ridge-pack",
    name: "Ridge Pack 18",
    category: "packs",
    price: 119,
    stock: 30,
    tone: "fern",
    text: "Eighteen litres of day: lunch, layer, map, and the stone somebody will hand you to carry.",
    details: ["Waxed canvas", "18 litres", "Leather lash tabs"],
  },
  {
    id: "rain-rolltop",
    name: "Rain Roll-top",
    category: "packs",
    price: 139,
    stock: 26,
    tone: "sea",
    text: "Welded seams and a roll that shuts properly. What goes in dry comes out dry.",
    details: ["Welded seams", "22 litres", "Padded sleeve inside"],
  },
  {
    id: "market-tote",
    name: "Market Tote",
    category: "packs",
    price: 45,
    stock: 80,
    tone: "cream",
    text: "Heavy canvas with long handles. Holds two loaves, leeks and a newspaper, upright.",
    details: ["Heavy organic canvas", "Long handles", "Stands on its own"],
  },
  {
    id: "hip-pack",
    name: "Hip Pack",
    category: "packs",
    price: 49,
    stock: 55,
    tone: "ember",
    text: "Keys, knife, sandwich. Everything else can stay at home today.",
    details: ["Recycled nylon", "2.5 litres", "Wears front or back"],
  },
  {
    id: "weekender",
    name: "Weekender",
    category: "packs",
    price: 159,
    stock: 16,
    tone: "chestnut",
    text: "The bag by the door on Friday afternoon. Leather corners, one big opening, no tricks.",
    details: ["Canvas and leather", "38 litres", "Fits overhead"],
  },
  {
    id: "two-pouches",
    name: "Two Pouches",
    category: "packs",
    price: 29,
    stock: 90,
    tone: "ochre",
    text: "One for small things, one for smaller things.",
    details: ["Waxed cotton", "Brass zips", "Set of two"],
  },
  {
    id: "enamel-mug",
    name: "Enamel Mug",
    category: "kitchen",
    price: 16,
    stock: 140,
    tone: "cream",
    text: "Chips in all the right places after a few summers. Takes the fire, the dishwasher and the drop.",
    details: ["Steel, enamelled twice", "0.35 litres", "Fits the kettle"],
  },
  {
    id: "billy-kettle",
    name: "Billy Kettle",
    category: "kitchen",
    price: 54,
    stock: 33,
    tone: "sea",
    text: "A kettle that hangs, stands and pours without dribbling, which is rarer than it sounds.",
    details: ["Enamelled steel", "1.2 litres", "Beech handle"],
  },
  {
    id: "iron-skillet",
    name: "Iron Skillet",
    category: "kitchen",
    price: 62,
    stock: 28,
    tone: "ink",
    text: "Seasoned in our workshop, good for a hundred years and, sooner than that, pancakes.",
    details: ["Cast iron, pre-seasoned", "26 cm", "2.1 kg"],
  },
  {
    id: "stew-pot",
    name: "Stew Pot",
    category: "kitchen",
    price: 89,
    stock: 20,
    tone: "ember",
    text: "Four litres, a heavy lid and patience. The pot does the rest.",
    details: ["Enamelled iron", "4 litres", "Oven and open fire"],
  },
  {
    id: "long-flask",
    name: "Long-day Flask",
    category: "kitchen",
    price: 38,
    stock: 70,
    tone: "fern",
    text: "Tea at six in the morning, still tea at six in the evening.",
    details: ["Double-walled steel", "0.75 litres", "Hot for 14 hours"],
  },
  {
    id: "hand-mill",
    name: "Hand Mill",
    category: "kitchen",
    price: 72,
    stock: 25,
    tone: "chestnut",
    text: "Forty turns a cup. By the time the water boils you are awake anyway.",
    details: ["Steel burrs", "Walnut and brass", "25 g of beans"],
  },
  {
    id: "dusk-lantern",
    name: "Dusk Lantern",
    category: "light",
    price: 79,
    stock: 38,
    tone: "ink",
    text: "Warm light, real shadows. Thirty hours on one charge or a lifetime on paraffin stories.",
    details: ["Dimmable, 2200 K", "30 hours a charge", "Steel frame"],
  },
  {
    id: "beeswax-candle",
    name: "Beeswax Candle",
    category: "light",
    price: 18,
    stock: 120,
    tone: "ochre",
    text: "Poured by a beekeeper two valleys over. Smells of August.",
    details: ["Pure beeswax", "45 hours", "In a glass to keep"],
  },
  {
    id: "firefly-string",
    name: "Firefly String",
    category: "light",
    price: 34,
    stock: 64,
    tone: "dusk",
    text: "Ten small lamps on five metres. Makes any two trees a dining room.",
    details: ["5 metres, 10 lamps", "USB-C", "Rain is fine"],
  },
  {
    id: "wool-blanket",
    name: "Wool Blanket",
    category: "light",
    price: 129,
    stock: 19,
    tone: "dusk",
    text: "Woven thick, washed soft. Large enough for two people or one person and a dog.",
    details: ["Pure new wool", "140 by 200 cm", "Woven in stripes"],
  },
  {
    id: "match-tin",
    name: "Match Tin",
    category: "light",
    price: 9,
    stock: 200,
    tone: "ember",
    text: "Long matches, dry tin, striker inside the lid.",
    details: ["60 long matches", "Watertight tin", "Refillable"],
  },
  {
    id: "watch-cap",
    name: "Watch Cap",
    category: "light",
    price: 32,
    stock: 75,
    tone: "stone",
    text: "Merino rib that stays where you put it.",
    details: ["Pure merino", "One size", "Double cuff"],
  },
];

const byId = new Map(PRODUCTS.map((product) => [product.id, product]));
const categoryById = new Map(CATEGORIES.map((category) => [category.id, category]));

/** The product of that id, or undefined. @param {string | undefined} id */
export const product = (id) => byId.get(id ?? "");

/** The category of that id, or undefined. @param {string} id */
export const category = (id) => categoryById.get(id);

/** The products of a category, in the order of the shelf. @param {string} id */
export const inCategory = (id) => PRODUCTS.filter((product) => product.category === id);
