// The rarer captures, a chunk of their own: fetched when the page is idle after the core ones.
import { dead } from "./capture/dead_click.js";
import { exception } from "./capture/exception.js";
import { started, submitted } from "./capture/forms.js";
import { jsonLd } from "./capture/json_ld.js";
import { rage } from "./capture/rage_click.js";
import { search } from "./capture/search.js";
import { slots } from "./capture/slots.js";
import { views } from "./capture/views.js";
import { vitals } from "./capture/web_vitals.js";

/** @type {import("./capture.js").Capture[]} */
export const RARE = [slots, views, jsonLd, search, started, submitted, exception, rage, dead, vitals];
