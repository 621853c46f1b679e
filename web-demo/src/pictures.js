/**
 * The pictures of the products, drawn in code as SVG text: no image files, no requests, sharp at every size.
 * Only strings go in and out, so the build can write the same pictures into files for the catalogue's `image` links.
 */

/** @typedef {Record<string, string>} Paints */

/**
 * Colour families, light to dark, with the two colours of the wall behind the product.
 * @type {Record<string, Paints>}
 */
const TONES = {
  chestnut: {
    wall: "#efe3d3",
    glow: "#e0c9ac",
    light: "#c98d5b",
    main: "#9c6238",
    deep: "#6d4125",
    dark: "#412616",
    spark: "#f0cf9a",
  },
  ember: {
    wall: "#f7e2d4",
    glow: "#f0c4a6",
    light: "#ec8f5c",
    main: "#cf6434",
    deep: "#9d4320",
    dark: "#5a2513",
    spark: "#ffe1bd",
  },
  fern: {
    wall: "#e3eade",
    glow: "#c6d6bf",
    light: "#7fa274",
    main: "#527a52",
    deep: "#355a3d",
    dark: "#1f3828",
    spark: "#e2efc7",
  },
  sea: {
    wall: "#dfe9ec",
    glow: "#bfd5db",
    light: "#79a9b5",
    main: "#47808f",
    deep: "#2d5b6a",
    dark: "#1a3945",
    spark: "#def3f2",
  },
  stone: {
    wall: "#ebe8e1",
    glow: "#d6d0c4",
    light: "#b9b1a2",
    main: "#938a7b",
    deep: "#6a6358",
    dark: "#423d36",
    spark: "#faf6ea",
  },
  ochre: {
    wall: "#f5ead0",
    glow: "#ebd49d",
    light: "#e4b658",
    main: "#c79032",
    deep: "#96681d",
    dark: "#573b10",
    spark: "#fff0c4",
  },
  cream: {
    wall: "#e9ebe0",
    glow: "#d3d9c4",
    light: "#fbf6e9",
    main: "#ece1c9",
    deep: "#c9b994",
    dark: "#5c513a",
    spark: "#ffffff",
  },
  ink: {
    wall: "#e2e5e8",
    glow: "#c7cdd3",
    light: "#67727c",
    main: "#444d56",
    deep: "#2c343b",
    dark: "#191e23",
    spark: "#f6d58e",
  },
  dusk: {
    wall: "#e9e3ee",
    glow: "#d2c6de",
    light: "#9a86b4",
    main: "#6f5a8c",
    deep: "#4b3a66",
    dark: "#2b2140",
    spark: "#ffe3a3",
  },
};

/**
 * A line without fill; most details are drawn with these.
 * @type {(d: string, stroke: string, width?: number, more?: string) => string}
 */
const line = (d, stroke, width = 4, more = "") =>
  `<path d="${d}" fill="none" stroke="${stroke}" stroke-width="${width}" stroke-linecap="round" stroke-linejoin="round" ${more}/>`;
/** @type {(d: string, fill: string, more?: string) => string} */
const shape = (d, fill, more = "") => `<path d="${d}" fill="${fill}" ${more}/>`;
/** @type {(x: number, y: number, width: number, height: number, radius: number, fill: string, more?: string) => string} */
const box = (x, y, width, height, radius, fill, more = "") =>
  `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}" fill="${fill}" ${more}/>`;
/** @type {(x: number, y: number, radius: number, fill: string, more?: string) => string} */
const dot = (x, y, radius, fill, more = "") => `<circle cx="${x}" cy="${y}" r="${radius}" fill="${fill}" ${more}/>`;
/** @type {(x: number, y: number, rx: number, ry: number, fill: string, more?: string) => string} */
const oval = (x, y, rx, ry, fill, more = "") =>
  `<ellipse cx="${x}" cy="${y}" rx="${rx}" ry="${ry}" fill="${fill}" ${more}/>`;
/** @type {(d: string, stroke: string) => string} */
const stitches = (d, stroke) => line(d, stroke, 2.5, 'stroke-dasharray="7 6" opacity=".75"');
/** @type {(d: string, width?: number, opacity?: number) => string} */
const shine = (d, width = 8, opacity = 0.28) => line(d, "#fff", width, `opacity="${opacity}"`);
/** @type {(count: number, draw: (index: number) => string) => string} */
const many = (count, draw) => Array.from({ length: count }, (_, index) => draw(index)).join("");

/**
 * One drawing per product, on a field of 400 by 400 with the floor at 318. `p` holds the paints of the tone.
 * @type {Record<string, (p: Paints) => string[]>}
 */
const DRAWINGS = {
  "tarn-boot": (p) => [
    shape(
      "M132 92Q182 78 226 90L234 168Q240 204 286 224Q334 240 338 288L116 290Q108 238 124 188Q134 150 132 92Z",
      p.body,
    ),
    shape("M262 212Q334 234 338 288L262 289Q246 250 262 212Z", p.deep, 'opacity=".45"'),
    shape("M116 290Q109 252 117 214Q158 226 176 290Z", p.deep, 'opacity=".45"'),
    shape("M210 88L236 74Q244 88 240 110L254 176Q238 186 234 168Z", p.deep),
    shape("M128 94Q180 74 230 90L233 114Q180 100 132 118Z", p.dark),
    line("M212 122L237 113M214 144L241 135M217 166L246 156M223 188L250 176M235 208L262 195", p.spark, 5),
    [
      [211, 122],
      [213, 144],
      [216, 166],
      [222, 188],
      [234, 208],
    ]
      .map(([x, y]) => dot(x, y, 4.5, p.dark))
      .join(""),
    stitches("M140 128Q146 176 132 222M256 218Q246 250 254 284", p.spark),
    shape(
      "M108 286H340Q350 304 344 318H300L294 311H282L276 318H250L244 311H232L226 318H186V310H172V318H116Q106 304 108 286Z",
      p.dark,
    ),
    line("M112 290H341", p.spark, 3, 'stroke-dasharray="3 7"'),
    shine("M150 132Q156 170 146 206", 9),
  ],
  "fell-runner": (p) => [
    shape(
      "M98 214Q104 180 128 182Q146 206 178 190L214 172Q246 216 300 232Q344 242 348 280L94 286Q88 246 98 214Z",
      p.body,
    ),
    shape("M98 214Q104 180 128 182Q136 196 150 198L146 284L94 286Q88 246 98 214Z", p.deep),
    shape("M178 190L214 172Q246 216 292 230L262 246Q210 232 178 190Z", p.dark),
    line("M194 204L228 190M208 220L244 207M226 234L262 222", p.spark, 5),
    shape("M300 232Q344 242 348 280L300 281Q284 254 300 232Z", p.deep, 'opacity=".6"'),
    line("M150 270Q196 258 214 212M178 276Q222 262 240 236", p.spark, 7, 'opacity=".9"'),
    shape("M84 274Q120 294 190 284Q260 274 352 272Q362 294 338 306H120Q84 304 84 274Z", "#fff8ec"),
    shape("M92 298Q110 306 130 306H338Q350 302 354 294Q354 310 340 314H112Q96 312 92 298Z", p.dark),
    many(11, (i) => shape(`M${118 + i * 21} 312l5 8h8l4-8Z`, p.dark)),
    line("M100 206Q96 176 114 170Q126 170 124 188", p.dark, 6),
    shine("M164 214Q196 240 250 254", 6, 0.25),
  ],
  "moss-chelsea": (p) => [
    shape("M136 84Q182 74 232 84L236 186Q240 214 284 228Q332 242 336 288L122 290Q114 240 128 190Z", p.body),
    shape("M172 92Q194 86 212 92L216 178Q196 204 178 178Z", p.dark),
    many(6, (i) => line(`M${179 + i * 6} 98V${i > 0 && i < 5 ? 186 : 176}`, p.deep, 2)),
    line("M136 88Q182 78 232 88", p.deep, 9),
    line("M130 84Q126 62 142 62Q152 64 148 82", p.deep, 7),
    stitches("M222 100L227 184Q232 214 276 234M162 98L158 186Q150 240 154 282", p.spark),
    shape("M114 284H340Q346 300 340 304H120Q112 298 114 284Z", "#d8b582"),
    shape("M116 302H190L186 318H118ZM190 302H342Q344 312 334 318H206Q196 312 190 302Z", p.dark),
    line("M117 292H338", "#a9814c", 2, 'stroke-dasharray="2 6"'),
    shine("M150 110Q152 170 142 226", 9, 0.22),
  ],
  "creek-sandal": (p) =>
    ["", 'transform="translate(400 0) scale(-1 1)"'].map((side) =>
      [
        `<g ${side}>`,
        shape(
          "M134 84Q188 78 190 148Q190 190 180 222Q190 316 142 322Q96 318 106 236Q84 168 92 124Q102 88 134 84Z",
          p.dark,
        ),
        shape(
          "M136 94Q180 90 181 148Q181 190 171 224Q180 306 142 312Q106 308 115 234Q94 168 101 128Q110 98 136 94Z",
          "#dcbd90",
        ),
        shape("M142 236Q166 240 162 272Q156 298 142 298Q126 296 126 268Q126 240 142 236Z", "#c9a672", 'opacity=".7"'),
        shape("M86 140Q136 112 196 134L194 172Q140 150 88 178Z", p.body),
        shape("M94 206Q140 178 190 200L184 238Q142 218 102 242Z", p.body),
        shape("M168 190L190 200L184 238L164 228Z", p.deep),
        stitches(
          "M90 150Q138 122 192 144M92 168Q140 142 190 162M98 216Q140 190 164 200M104 232Q140 210 162 220",
          p.spark,
        ),
        box(160, 200, 26, 24, 6, "none", `stroke="${p.spark}" stroke-width="5" transform="rotate(14 173 212)"`),
        line("M112 272Q142 322 172 272", p.main, 11),
        "</g>",
      ].join(""),
    ),
  "felt-slipper": (p) => [
    shape("M92 232Q96 176 140 178Q176 182 196 206Q262 176 318 222Q350 254 342 294H96Q84 262 92 232Z", p.body),
    shape("M100 232Q104 186 140 188Q172 194 190 216Q148 246 104 252Q98 244 100 232Z", p.dark),
    shape("M108 240Q116 206 142 204Q164 208 180 220Q146 242 108 248Z", "#d6a07a"),
    line("M94 232Q98 178 140 180Q176 184 198 210Q150 250 98 256", p.light, 9),
    stitches("M212 212Q268 192 310 228Q332 250 332 282", p.spark),
    shape("M250 232q14-22 28 0q14-22 28 0q0 18-28 32q-28-14-28-32Z", p.spark, 'opacity=".55"'),
    shape("M86 288H346Q350 312 330 316H104Q86 312 86 288Z", "#8a5f3c"),
    line("M96 296H338", "#e3c59d", 2.5, 'stroke-dasharray="7 6"'),
    shine("M222 226Q262 210 292 226", 9, 0.22),
  ],
  "harbour-clog": (p) => [
    shape(
      "M70 242Q74 228 96 236Q146 258 206 262H338Q362 262 356 290Q350 316 322 318H272Q252 290 212 292Q180 294 170 318H92Q68 300 70 242Z",
      "#cfa36d",
    ),
    line("M80 262Q150 286 232 282Q300 278 350 282", "#a97b45", 3),
    line("M88 290Q122 300 156 296M290 302Q318 304 338 298", "#a97b45", 3),
    shape("M160 262Q160 192 206 170Q236 160 262 172Q336 194 352 266Q300 268 262 268Q200 270 160 262Z", p.body),
    shape("M160 262Q160 192 206 170Q228 162 248 168Q208 196 204 266Q182 266 160 262Z", p.dark),
    line("M248 168Q208 196 204 266", p.light, 6),
    stitches("M262 178Q226 202 220 250", p.spark),
    many(9, (i) => dot(214 + i * 16.4, 262 + Math.sin((i / 8) * Math.PI) * 2, 4, p.spark)),
    shine("M278 194Q314 210 328 240", 9, 0.3),
  ],
  "ridge-pack": (p) => [
    line("M156 98Q154 54 200 54Q246 54 244 98", p.deep, 12),
    shape("M110 168Q88 176 92 250Q94 290 112 292ZM290 168Q312 176 308 250Q306 290 288 292Z", p.deep),
    shape("M112 150Q112 84 200 84Q288 84 288 150V290Q288 318 260 318H140Q112 318 112 290Z", p.body),
    shape("M106 140Q110 76 200 76Q290 76 294 140Q296 186 284 196Q200 214 116 196Q104 186 106 140Z", p.deep),
    stitches("M116 186Q200 204 284 186", p.spark),
    shape("M132 234Q200 246 268 234V286Q268 302 250 302H150Q132 302 132 286Z", p.deep, 'opacity=".75"'),
    stitches("M140 246Q200 256 260 246", p.spark),
    box(150, 168, 18, 82, 5, "#8a5a33"),
    box(232, 168, 18, 82, 5, "#8a5a33"),
    box(146, 214, 26, 20, 5, "none", 'stroke="#f0cf9a" stroke-width="5"'),
    box(228, 214, 26, 20, 5, "none", 'stroke="#f0cf9a" stroke-width="5"'),
    shape("M200 104l24 36h-48Z", p.spark, 'opacity=".9"'),
    shape("M186 140l14-20 14 20Z", p.deep),
    shine("M128 134Q134 100 172 92", 8, 0.22),
  ],
  "rain-rolltop": (p) => [
    shape("M118 150Q118 140 130 138H270Q282 140 282 150L292 290Q292 318 264 318H136Q108 318 108 290Z", p.body),
    shape("M122 132Q200 120 278 132L282 162Q200 174 118 162Z", p.deep),
    shape(
      "M116 96Q200 82 284 96Q292 100 290 116Q288 134 280 136Q200 124 120 136Q112 134 110 116Q108 100 116 96Z",
      p.light,
    ),
    line("M116 116Q200 102 284 116", p.deep, 4),
    line("M112 110Q92 118 100 150L114 190M288 110Q308 118 300 150L286 190", p.dark, 9),
    box(178, 92, 44, 26, 6, p.dark),
    line("M190 105H210", p.spark, 4),
    line("M138 190L262 230M262 190L138 230", p.dark, 4),
    [
      [138, 190],
      [262, 190],
      [138, 230],
      [262, 230],
    ]
      .map(([x, y]) => dot(x, y, 6, p.spark))
      .join(""),
    box(136, 248, 128, 50, 10, p.deep, 'opacity=".7"'),
    line("M146 262H254", p.spark, 4, 'opacity=".8"'),
    line("M250 262v14", p.spark, 5),
    shine("M126 180L120 286", 9, 0.25),
  ],
  "market-tote": (p) => [
    shape("M168 170Q150 96 176 84Q196 92 186 168Z", "#5f8a52"),
    shape("M196 168Q196 78 226 66Q244 84 218 168Z", "#7fa868"),
    shape("M224 170Q232 108 262 104Q270 124 244 170Z", "#5f8a52"),
    shape("M124 166Q118 104 140 88Q162 92 164 168Z", "#d9a35c"),
    line("M128 120l30-12M126 140l34-12", "#b67c36", 4),
    shape("M100 160H300L314 318H86Z", p.body),
    shape("M262 160H300L314 318H276Z", p.deep, 'opacity=".35"'),
    line("M100 166H300", p.deep, 8),
    line("M148 232Q144 150 152 112Q160 96 176 96H224Q240 96 248 112Q256 150 252 232", "#a8763f", 11),
    stitches("M142 222h12v12h-12M246 222h12v12h-12", p.dark),
    shape("M200 214Q226 244 200 286Q174 244 200 214Z", "#527a52"),
    line("M200 222V300M200 258l16-14M200 272l-15-13", "#f4eeda", 3.5),
  ],
  "hip-pack": (p) => [
    line("M40 176Q90 204 112 224M360 176Q310 204 288 224", p.dark, 17),
    line("M40 176Q90 204 112 224M360 176Q310 204 288 224", p.deep, 8),
    shape("M100 214Q106 186 140 184H260Q294 186 300 214L306 262Q304 310 250 312H150Q96 310 94 262Z", p.body),
    shape("M98 232Q200 258 302 232L306 262Q304 310 250 312H150Q96 310 94 262Z", p.deep, 'opacity=".55"'),
    line("M112 210Q200 232 288 210", p.dark, 8),
    line("M112 210Q200 232 288 210", p.spark, 2.5, 'stroke-dasharray="3 4"'),
    line("M276 214l10 26", p.spark, 7),
    box(172, 258, 56, 30, 6, "#8a5a33"),
    shape("M200 262l11 20h-22Z", p.spark),
    line("M124 280Q160 292 168 292M276 280Q240 292 232 292", p.dark, 3, 'opacity=".5"'),
    shine("M122 198Q150 194 186 196", 7, 0.3),
  ],
  weekender: (p) => [
    line("M142 176Q138 96 200 96Q262 96 258 176", p.dark, 12),
    shape("M84 186Q92 152 140 150H260Q308 152 316 186L330 286Q330 316 300 318H100Q70 316 70 286Z", p.body),
    shape(
      "M70 286L76 244Q112 250 118 318H100Q70 316 70 286ZM330 286L324 244Q288 250 282 318H300Q330 316 330 286Z",
      p.dark,
      'opacity=".75"',
    ),
    line("M92 178Q200 158 308 178", p.dark, 7),
    line("M92 178Q200 158 308 178", p.spark, 2.5, 'stroke-dasharray="3 4"'),
    box(132, 172, 20, 146, 3, p.deep),
    box(248, 172, 20, 146, 3, p.deep),
    line("M142 186Q140 116 200 116Q260 116 258 186", p.deep, 11),
    stitches("M137 180V312M147 180V312M253 180V312M263 180V312", p.spark),
    box(176, 214, 48, 60, 8, p.deep),
    box(184, 224, 32, 22, 4, p.spark, 'opacity=".9"'),
    dot(142, 240, 5, p.spark),
    dot(258, 240, 5, p.spark),
    shine("M92 206Q86 244 82 268", 8, 0.25),
  ],
  "two-pouches": (p) => [
    `<g transform="rotate(-8 200 200)">`,
    box(92, 118, 196, 128, 16, p.deep),
    line("M100 142H280", p.dark, 8),
    line("M100 142H280", p.spark, 2.5, 'stroke-dasharray="3 4"'),
    line("M272 144l16 24", p.spark, 7),
    "</g>",
    `<g transform="rotate(5 220 250)">`,
    box(142, 202, 164, 108, 16, p.body),
    line("M150 224H298", p.dark, 8),
    line("M150 224H298", p.spark, 2.5, 'stroke-dasharray="3 4"'),
    line("M158 226l-14 24", p.spark, 7),
    stitches("M154 298H294", p.spark),
    shape("M226 246l20 32h-40Z", p.dark, 'opacity=".6"'),
    shine("M160 212H232", 6, 0.3),
    "</g>",
  ],
  "enamel-mug": (p) => [
    line("M274 166Q344 156 340 220Q336 272 268 266", "#c4b58f", 22),
    line("M274 166Q344 156 340 220Q336 272 268 266", p.main, 15),
    shape("M98 128H282L272 296Q270 318 246 318H134Q110 318 108 296Z", p.body),
    shape("M236 128H282L272 296Q270 318 246 318H222Q244 250 236 128Z", p.deep, 'opacity=".4"'),
    oval(190, 128, 92, 22, "#2d5b6a"),
    oval(190, 131, 82, 16, "#3c2415"),
    oval(176, 128, 40, 7, "#7a4e2d", 'opacity=".7"'),
    line("M98 128A92 22 0 0 0 282 128", "#2d5b6a", 8),
    shape("M132 262l30-50 20 30 16-24 32 44Z", "#527a52"),
    shape("M182 242l16-24 10 14-12 8Z", "#fff"),
    dot(214, 204, 10, "#cf6434"),
    [
      [262, 158],
      [122, 290],
      [250, 276],
    ]
      .map(([x, y]) => dot(x, y, 3.5, "#2d5b6a"))
      .join(""),
    shine("M118 162L124 282", 9, 0.7),
    line("M160 96q-14-18 0-34t0-32M204 96q-14-18 0-34t0-32", "#fff", 7, 'opacity=".55"'),
  ],
  "billy-kettle": (p) => [
    line("M112 176Q110 66 196 66Q282 66 280 176", p.dark, 8),
    line("M156 74Q196 58 236 74", "#b98452", 18),
    shape("M276 236Q322 226 336 178L360 170Q352 262 280 286Z", p.deep),
    shape("M92 250Q92 168 196 168Q300 168 300 250Q300 318 252 318H140Q92 318 92 250Z", p.body),
    shape("M232 172Q300 184 300 250Q300 318 252 318H214Q266 262 232 172Z", p.deep, 'opacity=".45"'),
    shape("M134 176Q196 146 258 176Q196 192 134 176Z", p.deep),
    line("M134 177Q196 192 258 177", p.spark, 3),
    box(186, 132, 20, 22, 6, "#b98452"),
    dot(112, 180, 8, p.dark),
    dot(280, 180, 8, p.dark),
    line("M98 288Q196 304 294 288", p.dark, 5, 'opacity=".35"'),
    [
      [150, 222],
      [236, 284],
      [170, 292],
      [262, 226],
      [120, 258],
    ]
      .map(([x, y]) => dot(x, y, 3.5, p.spark, 'opacity=".8"'))
      .join(""),
    shine("M116 262Q112 218 146 196", 10, 0.38),
  ],
  "iron-skillet": (p) => [
    `<g transform="rotate(-32 200 210)">`,
    shape("M276 190H372Q392 190 392 210Q392 230 372 230H276Z", p.main),
    dot(374, 210, 8, p.wall),
    line("M292 200H352", p.light, 4, 'opacity=".6"'),
    "</g>",
    dot(176, 216, 122, p.deep),
    dot(176, 212, 118, p.body),
    dot(176, 214, 98, p.dark),
    shape("M78 214A98 98 0 0 1 250 150A110 110 0 0 0 78 214Z", p.deep),
    shape(
      "M112 200Q108 156 158 160Q190 138 218 172Q256 184 238 226Q244 268 198 262Q160 284 138 252Q100 242 112 200Z",
      "#fff6e2",
    ),
    dot(170, 204, 29, "#f2b441"),
    oval(161, 194, 10, 7, "#ffe3a3"),
    dot(214, 236, 20, "#f2b441"),
    oval(208, 229, 7, 5, "#ffe3a3"),
    [
      [140, 234],
      [196, 186],
      [150, 180],
      [188, 256],
    ]
      .map(([x, y]) => dot(x, y, 2.5, "#5b5a45"))
      .join(""),
    shine("M74 176Q92 122 148 106", 6, 0.3),
  ],
  "stew-pot": (p) => [
    line("M84 218Q46 214 50 244Q54 264 90 258M316 218Q354 214 350 244Q346 264 310 258", p.dark, 13),
    shape("M84 190H316L308 290Q304 318 270 318H130Q96 318 92 290Z", p.body),
    shape("M258 190H316L308 290Q304 318 270 318H230Q266 270 258 190Z", p.deep, 'opacity=".5"'),
    shape("M80 186Q86 128 200 128Q314 128 320 186Q320 198 308 198H92Q80 198 80 186Z", p.body),
    shape("M80 186Q80 198 92 198H308Q320 198 320 186Q200 170 80 186Z", p.deep),
    box(180, 98, 40, 22, 10, p.dark),
    box(192, 114, 16, 16, 2, p.dark),
    line("M96 288Q200 304 304 288", p.dark, 5, 'opacity=".3"'),
    shine("M112 166Q136 146 176 142", 8, 0.4),
    shine("M106 214L112 278", 9, 0.3),
    line("M150 84q-12-16 0-30t0-28M250 84q-12-16 0-30t0-28", "#fff", 7, 'opacity=".6"'),
  ],
  "long-flask": (p) => [
    box(158, 54, 84, 66, 14, p.dark),
    box(150, 108, 100, 26, 8, "#c9ced0"),
    shape("M142 160Q142 134 164 132H236Q258 134 258 160V296Q258 318 236 318H164Q142 318 142 296Z", p.body),
    shape("M222 132H236Q258 134 258 160V296Q258 318 236 318H214Q232 230 222 132Z", p.deep, 'opacity=".55"'),
    box(142, 280, 116, 20, 0, "#8a5a33"),
    stitches("M148 285H252M148 295H252", p.spark),
    line("M252 176Q298 180 296 220Q294 256 254 256", "#8a5a33", 9),
    shape("M160 246l28-44 16 24 12-16 24 36Z", p.spark, 'opacity=".92"'),
    dot(220, 192, 9, "#ec8f5c"),
    line("M170 70V104M186 70V104M202 70V104M218 70V104M234 70V104", p.deep, 3),
    shine("M158 160V270", 9, 0.32),
  ],
  "hand-mill": (p) => [
    line("M200 92V76H294", "#8f979b", 11),
    dot(300, 70, 17, p.deep),
    dot(295, 65, 5, p.spark, 'opacity=".7"'),
    shape("M132 136Q136 90 200 90Q264 90 268 136Z", "#d9b45f"),
    shape("M214 90Q262 96 268 136H226Q230 110 214 90Z", "#a9812f", 'opacity=".55"'),
    box(122, 134, 156, 16, 6, "#a9812f"),
    shape("M132 150H268L282 296H118Z", p.body),
    shape("M226 150H268L282 296H240Z", p.dark, 'opacity=".3"'),
    line("M152 160L144 288M178 160L174 288", p.deep, 3, 'opacity=".7"'),
    box(146, 220, 108, 52, 6, p.deep),
    box(153, 227, 94, 38, 4, p.main),
    dot(200, 246, 9, "#e6c672"),
    box(104, 294, 192, 24, 8, p.dark),
    shape("M70 312q4-18 20-16q14 6 6 18ZM318 316q-4-16 12-18q16 4 12 18Z", "#4a2d1a"),
    line("M76 312q10-4 18-12M324 315q8-4 10-14", "#8a5f3c", 3),
    shine("M150 118Q158 104 180 100", 7, 0.5),
  ],
  "dusk-lantern": (p) => [
    dot(200, 214, 128, "#ffdf94", 'opacity=".35"'),
    dot(200, 214, 92, "#ffdf94", 'opacity=".45"'),
    line("M140 132Q130 44 200 44Q270 44 260 132", p.main, 8),
    shape("M150 116Q154 84 200 84Q246 84 250 116L262 132H138Z", p.body),
    shape("M146 138H254L266 272H134Z", "#fff3cf"),
    shape("M146 138H254L266 272H134Z", p.lamp),
    shape("M200 168Q234 214 216 250Q200 266 184 250Q166 214 200 168Z", "#f08a3c"),
    shape("M200 200Q216 226 208 248Q200 256 192 248Q184 226 200 200Z", "#fff0b8"),
    line("M172 140L162 270M228 140L238 270", p.deep, 5),
    line("M138 134H262M132 274H268", p.deep, 11),
    line("M140 204H260", p.deep, 4),
    shape("M126 278H274L284 306Q284 318 270 318H130Q116 318 116 306Z", p.body),
    dot(200, 298, 9, p.spark),
    line("M126 282H272", p.light, 3, 'opacity=".7"'),
  ],
  "beeswax-candle": (p) => [
    dot(200, 108, 92, "#ffe9ae", 'opacity=".6"'),
    dot(200, 108, 56, "#fff3cf", 'opacity=".9"'),
    shape("M200 46Q238 96 222 130Q200 152 178 130Q162 96 200 46Z", "#f29a3f"),
    shape("M200 84Q218 110 210 130Q200 140 190 130Q182 110 200 84Z", "#fff2c0"),
    line("M200 134V176", "#4a3a24", 5),
    shape("M122 178H278V296Q278 318 256 318H144Q122 318 122 296Z", p.body),
    oval(200, 178, 78, 18, p.light),
    oval(200, 180, 54, 11, "#ffe9ae"),
    shape("M112 150H288V300Q288 320 266 320H134Q112 320 112 300Z", "#fff", 'opacity=".3"'),
    line("M112 150H288", "#fff", 5, 'opacity=".85"'),
    box(146, 214, 108, 70, 8, "#fdf6e4"),
    many(3, (i) =>
      shape(
        `M${172 + i * 28} ${i % 2 ? 232 : 240}l12 7v14l-12 7-12-7v-14Z`,
        p.light,
        `stroke="${p.deep}" stroke-width="3"`,
      ),
    ),
    shine("M128 166V296", 7, 0.75),
  ],
  "firefly-string": (p) => [
    line("M20 96Q110 190 200 128T380 112", p.dark, 5),
    line("M20 220Q120 306 214 240T380 226", p.dark, 5),
    [
      [58, 132],
      [112, 156],
      [172, 144],
      [236, 110],
      [296, 100],
      [350, 110],
      [76, 260],
      [150, 272],
      [222, 238],
      [302, 216],
    ]
      .map(([x, y]) =>
        [
          dot(x, y + 34, 34, "#ffdf94", 'opacity=".45"'),
          box(x - 7, y - 2, 14, 16, 4, p.dark),
          shape(`M${x} ${y + 12}q20 10 14 28q-6 14-14 14t-14-14q-6-18 14-28Z`, p.bulb),
          line(`M${x - 4} ${y + 24}q-6 8-2 16`, "#fff", 3, 'opacity=".8"'),
        ].join(""),
      )
      .join(""),
  ],
  "wool-blanket": (p) => [
    shape("M82 236Q82 214 104 214H296Q318 214 318 236V296Q318 318 296 318H104Q82 318 82 296Z", p.body),
    shape("M88 176Q88 154 110 154H292Q314 154 314 176V200Q314 222 292 222H110Q88 222 88 200Z", p.light),
    shape("M92 120Q92 96 116 96H290Q310 96 310 118V140Q310 160 290 160H116Q92 160 92 138Z", p.body),
    box(130, 96, 22, 64, 0, p.spark),
    box(160, 96, 10, 64, 0, p.deep),
    box(250, 96, 22, 64, 0, p.spark),
    box(130, 158, 22, 62, 0, p.spark),
    box(160, 158, 10, 62, 0, p.deep),
    box(250, 158, 22, 62, 0, p.spark),
    box(130, 218, 22, 100, 0, p.spark),
    box(160, 218, 10, 100, 0, p.deep),
    box(250, 218, 22, 100, 0, p.spark),
    line("M92 158Q200 166 310 158M88 218Q200 228 314 218", p.dark, 5, 'opacity=".35"'),
    line("M104 268Q200 280 300 268", p.dark, 4, 'opacity=".18"'),
    many(13, (i) => line(`M${94 + i * 17.6} 316v14`, p.deep, 5)),
    shape("M276 262h50v40h-50Z", "#fdf6e4"),
    line("M286 276h30M286 288h18", p.deep, 3.5),
    shine("M112 112H200", 7, 0.3),
  ],
  "match-tin": (p) => [
    `<g transform="rotate(-10 200 230)">`,
    [
      [150, 76, -6],
      [176, 62, -2],
      [204, 70, 2],
      [232, 58, 5],
      [256, 80, 8],
    ]
      .map(
        ([x, y, turn]) =>
          `<g transform="rotate(${turn} ${x} ${y})">${box(x - 5, y, 10, 120, 3, "#e6c795")}${oval(x, y, 10, 15, "#8f2f1d")}${oval(x - 3, y - 5, 3, 4, "#fff", 'opacity=".5"')}</g>`,
      )
      .join(""),
    box(112, 158, 176, 154, 18, p.body),
    box(112, 158, 176, 34, 14, p.deep),
    line("M112 196H288", p.dark, 3, 'opacity=".5"'),
    shape("M200 212Q232 250 214 280Q200 294 186 280Q168 250 200 212Z", p.spark),
    shape("M200 244Q212 262 206 278Q200 284 194 278Q188 262 200 244Z", p.main),
    line("M132 294H268", p.spark, 3, 'stroke-dasharray="2 6"'),
    shine("M128 212V286", 8, 0.3),
    "</g>",
  ],
  "watch-cap": (p) => [
    dot(200, 92, 24, p.deep),
    many(9, (i) => line(`M200 92l${Math.cos(i * 0.7) * 22} ${Math.sin(i * 0.7) * 22}`, p.light, 5)),
    shape("M100 246Q96 108 200 106Q304 108 300 246Z", p.body),
    many(9, (i) => line(`M${120 + i * 20} 240Q${136 + i * 16} 160 ${184 + i * 4} 112`, p.deep, 4, 'opacity=".45"')),
    box(84, 234, 232, 76, 22, p.deep),
    many(15, (i) => line(`M${100 + i * 14.3} 246V298`, p.main, 5)),
    box(222, 256, 58, 34, 5, "#8a5a33"),
    shape("M251 262l11 20h-22Z", "#f0cf9a"),
    shine("M124 206Q130 152 168 128", 9, 0.25),
  ],
};

let drawn = 0;

/**
 * The picture of a product as SVG text. Decorative: the product's name stands beside it wherever it is used.
 * @param {import("./catalogue.js").Product} product
 */
export function picture(product) {
  const tone = TONES[product.tone];
  // Two pictures of one product may stand on one page, and gradient ids are global to the document.
  drawn += 1;
  const id = `pic-${product.id}-${drawn}`;
  const paints = { ...tone, body: `url(#${id}-body)`, lamp: `url(#${id}-lamp)`, bulb: `url(#${id}-bulb)` };
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" aria-hidden="true" focusable="false"><defs>
<linearGradient id="${id}-wall" x1="0" y1="0" x2="0" y2="1"><stop stop-color="${tone.wall}"/><stop offset="1" stop-color="${tone.glow}"/></linearGradient>
<radialGradient id="${id}-halo"><stop stop-color="#fff" stop-opacity=".75"/><stop offset="1" stop-color="#fff" stop-opacity="0"/></radialGradient>
<linearGradient id="${id}-body" x1="0" y1="0" x2=".7" y2="1"><stop stop-color="${tone.light}"/><stop offset=".55" stop-color="${tone.main}"/><stop offset="1" stop-color="${tone.deep}"/></linearGradient>
<linearGradient id="${id}-lamp" x1="0" y1="0" x2="0" y2="1"><stop stop-color="#ffd777" stop-opacity=".2"/><stop offset="1" stop-color="#ff9d47" stop-opacity=".75"/></linearGradient>
<radialGradient id="${id}-bulb" cy=".35"><stop stop-color="#fffbe6"/><stop offset="1" stop-color="#ffc75a"/></radialGradient></defs>
<rect width="400" height="400" fill="url(#${id}-wall)"/><circle cx="200" cy="190" r="190" fill="url(#${id}-halo)"/>
<ellipse cx="204" cy="306" rx="150" ry="15" fill="${tone.dark}" opacity=".16"/><ellipse cx="204" cy="306" rx="104" ry="8" fill="${tone.dark}" opacity=".2"/>
<g transform="translate(0 -14)">${DRAWINGS[product.id](paints).join("")}</g></svg>`;
}
