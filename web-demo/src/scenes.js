/** The landscapes behind the hero, one a theme, drawn in code as SVG text. The left third stays calm for the words. */

const THEMES = {
  tarn: {
    sky: ["#2f6f73", "#8fbfae", "#f3e3b8"],
    light: "#fff3c9",
    ridges: ["#7fae9f", "#4f8a79", "#2f6657", "#1b463c"],
    shade: "#12352f",
    water: ["#9fd0c0", "#3c7f78"],
    sun: [850, 210, 54],
  },
  dawn: {
    sky: ["#4a5a86", "#d98f7c", "#ffd79a"],
    light: "#fff0c2",
    ridges: ["#c98f86", "#98687a", "#64496a", "#382f52"],
    shade: "#2d2746",
    water: ["#ffcf9a", "#a0687a"],
    sun: [820, 236, 62],
  },
  dusk: {
    sky: ["#171a3a", "#3c3468", "#8a5a86"],
    light: "#fdf3d5",
    ridges: ["#5a4a80", "#40376a", "#2a2750", "#171834"],
    shade: "#10122b",
    moon: [1086, 92, 36],
    stars: true,
    tent: true,
  },
  ember: {
    sky: ["#3a1d33", "#a8432f", "#f4a259"],
    light: "#ffe1a8",
    ridges: ["#b5573c", "#863a34", "#57272f", "#2e1723"],
    shade: "#260f1d",
    sun: [760, 268, 70],
    fire: true,
  },
};

/** A mountain line: a few waves added up, so that every ridge is another one but always the same. */
function ridge(level, base, height, colour) {
  const points = [];
  for (let x = 0; x <= 1200; x += 24) {
    const wave =
      Math.sin(x / (190 - level * 22) + level * 2.1) * 0.5 +
      Math.sin(x / (83 + level * 9) + level * 4.7) * 0.32 +
      Math.sin(x / 37 + level) * 0.1;
    // Higher to the right: the words stand on the left.
    points.push(`${x} ${(base - height * (0.25 + x / 1500) * (1 + wave)).toFixed(1)}`);
  }
  return `<path d="M0 520L${points.join("L")}L1200 520Z" fill="${colour}"/>`;
}

function fir(x, foot, height, colour) {
  const tiers = [0.42, 0.72, 1].map((share, index) => {
    const half = height * (0.13 + index * 0.07);
    const top = foot - height + height * [0, 0.22, 0.46][index];
    return `M${x} ${top}L${x + half} ${foot - height * (1 - share)}H${x - half}Z`;
  });
  return `<path d="${tiers.join("")}M${x - 3} ${foot - 4}h6v10h-6Z" fill="${colour}"/>`;
}

const firs = (list, colour) => list.map(([x, foot, height]) => fir(x, foot, height, colour)).join("");

function lake([bright, deep]) {
  const glints = [
    [820, 430, 90],
    [760, 446, 150],
    [840, 462, 120],
    [720, 480, 170],
    [870, 496, 110],
  ]
    .map(
      ([x, y, width]) =>
        `<path d="M${x} ${y}h${width}" stroke="${bright}" stroke-width="4" stroke-linecap="round" opacity=".55"/>`,
    )
    .join("");
  return `<path d="M430 520Q520 424 800 416Q1090 412 1200 452V520Z" fill="${deep}"/><path d="M520 500Q600 432 800 424Q1040 420 1200 462V470Q1000 440 800 444Q640 450 520 500Z" fill="${bright}" opacity=".28"/>${glints}`;
}

const stars = () =>
  Array.from({ length: 46 }, (_, index) => {
    // The plastic number's multiples spread points over a plane evenly, without a row or a pattern.
    const x = (index * 0.7548776662 * 1200) % 1200;
    const y = (index * 0.569840291 * 250) % 250;
    return `<circle cx="${x.toFixed(0)}" cy="${y.toFixed(0)}" r="${index % 7 ? 1.3 : 2.3}" fill="#fff" opacity="${index % 3 ? 0.55 : 0.9}"/>`;
  }).join("");

const crescent = (x, y, size, colour) =>
  `<path d="M${x - size * 0.5} ${y - size * 0.87}A${size} ${size} 0 1 1 ${x - size * 0.87} ${y + size * 0.5}A${size * 0.92} ${size * 0.92} 0 0 0 ${x - size * 0.5} ${y - size * 0.87}Z" fill="${colour}"/>`;

const TENT = `<ellipse cx="850" cy="452" rx="230" ry="46" fill="#ffb45e" opacity=".2"/>
<path d="M720 462L842 318L968 462Z" fill="#f2a65a"/><path d="M842 318L968 462H896Z" fill="#c9722f"/>
<path d="M842 338L884 462H802Z" fill="#fff0c2"/><path d="M842 338L862 462H842Z" fill="#ffd489"/><path d="M842 318v-16M720 462l-26 10M968 462l26 10" stroke="#f7dcae" stroke-width="3"/>`;

const FIRE = `<ellipse cx="880" cy="470" rx="270" ry="52" fill="#ffb45e" opacity=".28"/>
<path d="M772 470L868 296L964 470" fill="none" stroke="#1b0b14" stroke-width="8" stroke-linecap="round"/><path d="M868 300V352" stroke="#1b0b14" stroke-width="4"/>
<path d="M836 372Q836 356 868 356Q900 356 900 372L904 396Q902 408 868 408Q834 408 832 396Z" fill="#3a2028"/><path d="M842 360Q868 332 894 360" fill="none" stroke="#3a2028" stroke-width="5"/><path d="M902 380l20-12" stroke="#3a2028" stroke-width="7" stroke-linecap="round"/>
<path d="M868 400Q916 446 896 480Q868 498 840 480Q820 446 868 400Z" fill="#f47c30"/><path d="M870 428Q900 456 886 482Q868 492 852 482Q840 458 870 428Z" fill="#ffc04d"/><path d="M869 452Q884 468 877 484Q868 488 861 484Q856 470 869 452Z" fill="#fff3c9"/>
<path d="M826 490L912 470M826 470L912 490" stroke="#1b0b14" stroke-width="11" stroke-linecap="round"/>
<path d="M1010 412h112v80h-112Z" fill="#d9a35c"/><path d="M1082 412h40v80h-40Z" fill="#b67c36" opacity=".6"/><path d="M1056 412h18v80h-18Z" fill="#fff0c2"/><path d="M1004 402h124v16H1004Z" fill="#e6b876"/><path d="M1065 402q-30-30-38-8q10 14 38 8q30-30 38-8q-10 14-38 8Z" fill="#fff0c2"/>`;

let drawn = 0;

/** The landscape of a theme; one the shop does not know gets the shop's own. */
export function scene(name) {
  const theme = THEMES[name] ?? THEMES.tarn;
  drawn += 1;
  const id = `scene-${drawn}`;
  const [lightX, lightY, size] = theme.sun ?? theme.moon;
  return `<svg viewBox="2 0 1196 518" preserveAspectRatio="xMaxYMax slice" aria-hidden="true" focusable="false"><defs>
<linearGradient id="${id}-sky" x1="0" y1="0" x2="0" y2="1"><stop stop-color="${theme.sky[0]}"/><stop offset=".55" stop-color="${theme.sky[1]}"/><stop offset=".85" stop-color="${theme.sky[2]}"/></linearGradient>
<radialGradient id="${id}-halo"><stop stop-color="${theme.light}" stop-opacity=".7"/><stop offset=".35" stop-color="${theme.light}" stop-opacity=".26"/><stop offset=".7" stop-color="${theme.light}" stop-opacity=".06"/><stop offset="1" stop-color="${theme.light}" stop-opacity="0"/></radialGradient>
<linearGradient id="${id}-shade"><stop stop-color="${theme.shade}" stop-opacity=".92"/><stop offset=".3" stop-color="${theme.shade}" stop-opacity=".78"/><stop offset=".48" stop-color="${theme.shade}" stop-opacity=".46"/><stop offset=".64" stop-color="${theme.shade}" stop-opacity=".14"/><stop offset=".8" stop-color="${theme.shade}" stop-opacity="0"/></linearGradient></defs>
<rect width="1200" height="520" fill="url(#${id}-sky)"/>${theme.stars ? stars() : ""}
<circle cx="${lightX}" cy="${lightY}" r="${size * 4.6}" fill="url(#${id}-halo)"/>${theme.moon ? crescent(lightX, lightY, size, theme.light) : `<circle cx="${lightX}" cy="${lightY}" r="${size}" fill="${theme.light}"/>`}
${ridge(1, 400, 190, theme.ridges[0])}${ridge(2, 430, 150, theme.ridges[1])}${firs(
  [
    [700, 380, 34],
    [724, 376, 44],
    [1010, 366, 44],
    [1034, 368, 36],
    [960, 372, 30],
  ],
  theme.ridges[2],
)}
${ridge(3, 452, 92, theme.ridges[2])}${theme.water ? lake(theme.water) : ""}${ridge(4, 536, 62, theme.ridges[3])}
${theme.tent ? TENT : ""}${theme.fire ? FIRE : ""}
${firs(
  [
    [1064, 486, 150],
    [1112, 500, 210],
    [1164, 492, 170],
    [620, 500, 96],
    [652, 508, 124],
  ].filter(([x]) => !theme.fire || x < 1000),
  theme.ridges[3],
)}
<rect width="1200" height="520" fill="url(#${id}-shade)"/></svg>`;
}
