/** Options of {@link init}. */
export interface Options {
  /** The site's public key, `pk_...`. */
  key: string;
  /** Where the collector answers, without a slash at the end: `https://collect.shop.example`. */
  endpoint: string;
  /**
   * What the visitor has agreed to so far. `pending`: no id is made, nothing is stored and nothing is sent; names,
   * times, addresses, item ids and amounts wait in the page's memory, and nothing else. `denied`: what was stored is
   * deleted. A consent given through {@link Beckon.consent} is remembered; of a refusal nothing is kept.
   * @default "granted"
   */
  consent?: Consent;
  /** Whether Global Privacy Control means `denied` until `consent("granted")` was called. @default true */
  respectGpc?: boolean;
  /** Keeps the visitor in the page's memory only; nothing is written to the browser. @default false */
  cookieless?: boolean;
  /** What the server has inlined into the page. */
  bootstrap?: {
    /** Decisions by slot, for the first paint. */
    decisions?: Record<string, Partial<Decision>>;
    /** The bundle, which then is not fetched. */
    bundle?: object;
    /** What only the collector knows of the visitor (`rfm.segment`, `device.type`, ...), by the names of facts. */
    facts?: Record<string, string | number | boolean | null>;
  };
  /**
   * Called once with each event, cleaned and masked, before it is put on the queue. What it returns is sent, after it
   * was masked again; with nothing returned, or an error thrown, the event is not sent. An event that has to leave
   * before the engine is there is shown as it was tracked, and sent without what would need a mask.
   */
  beforeSend?: (event: TrackedEvent) => TrackedEvent | null | undefined | false;
  /**
   * The share of visitors whose events are sent, from 0 to 1; the same visitor is always in or always out. Facts and
   * decisions in the page are the same for all.
   * @default 1
   */
  sampling?: number;
  /** Switches captures off by name. @default all are on */
  capture?: Captures;
  /**
   * Where `beckon/worker` is, on the page's own origin, when the build has moved it. The engine runs there where the
   * page's content security policy has no `'wasm-unsafe-eval'`.
   */
  workerUrl?: string | URL;
  /** Where the Wasm module is, when the build has moved it. */
  wasmUrl?: string | URL;
}

/** What is captured by itself; most have the name of their event. Further names switch events of the page's markup off. */
export interface Captures {
  /**
   * Page views: of loading, of navigation by `history`, and of coming back. With `"hash"` a new hash is a new page, as
   * for routers that keep the path behind a `#`.
   */
  page_view?: boolean | "hash";
  /** Clicks on links and buttons, with those that lead to other sites marked. */
  click?: boolean;
  /** Clicks on links to files. */
  file_download?: boolean;
  /** How far down a page was read. */
  scroll?: boolean;
  /** How long a page was visible and in focus. */
  user_engagement?: boolean;
  /** What the page tells Google Analytics, through `window.dataLayer` or `gtag()`. */
  dataLayer?: boolean;
  /** `data-beckon-event` and `data-beckon-item` in the page. */
  attributes?: boolean;
  /** `data-beckon-slot` in the page: filled with what was decided, and watched for having been seen. */
  slots?: boolean;
  /** `view_item` on pages that describe one product in JSON-LD. */
  jsonLd?: boolean;
  /** What the page's own search was asked for; a list names the parameters of addresses that hold it. */
  view_search_results?: boolean | string[];
  /** That a form was begun. Values are never read. */
  form_start?: boolean;
  /** That a form was sent. Values are never read. */
  form_submit?: boolean;
  /** Errors of the page's own scripts, their texts masked. */
  exception?: boolean;
  /** Many clicks in one place. */
  rage_click?: boolean;
  /** Clicks that nothing came of. */
  dead_click?: boolean;
  /** LCP, INP, CLS, FCP and TTFB. */
  web_vitals?: boolean;
  /** Any other event of the page's markup, by its name. */
  [event: string]: boolean | "hash" | string[] | undefined;
}

/** What a visitor has agreed to: all, not asked yet, nothing. */
export type Consent = "granted" | "pending" | "denied";

/** An item in GA4's words; further fields of GA4 (`item_brand`, `item_variant`, ...) are welcome. */
export interface Item {
  /** The shop's id of it, the same in the catalogue. */
  item_id: string;
  /** What visitors read. */
  item_name?: string;
  /** The category that facts and recommendations go by. */
  item_category?: string;
  /** The price of one. */
  price?: number;
  /** How many. @default 1 */
  quantity?: number;
  /** GA4's other fields. */
  [field: string]: unknown;
}

/** What an event says beside its name: GA4's parameters, and anything else as `props`. */
export interface EventData {
  /** What it is about. */
  items?: Item[];
  /** The currency of all its amounts, by ISO 4217: `EUR`. */
  currency?: string;
  /** The value of the whole event. */
  value?: number;
  /** The shop's id of an order: a second `purchase` with it is not counted. */
  transaction_id?: string;
  /** Parameters of GA4 and of your own, which become the event's properties. */
  [parameter: string]: unknown;
}

/** An event as {@link Options.beforeSend} gets it. */
export interface TrackedEvent extends EventData {
  /** A UUID, by which the collector knows it again. */
  id: string;
  /** What happened. */
  name: string;
  /** When, in the form of RFC 3339. */
  at: string;
  /** Where, and on the first event of a page view, where the visitor came from. */
  page?: { url?: string; title?: string; referrer?: string };
  /** Its properties. */
  props?: Record<string, unknown>;
}

/** The events that reports and facts know by name, as in GA4. Any other name that begins with a letter is as good. */
export type EventName =
  | "add_payment_info"
  | "add_shipping_info"
  | "add_to_cart"
  | "add_to_wishlist"
  | "begin_checkout"
  | "generate_lead"
  | "login"
  | "purchase"
  | "refund"
  | "remove_from_cart"
  | "search"
  | "select_item"
  | "select_promotion"
  | "share"
  | "sign_up"
  | "view_cart"
  | "view_item"
  | "view_item_list"
  | "view_promotion"
  | "view_search_results";

/** What stands in a slot, and why. `Content` is what the shop's offers for the slot hold. */
export interface Decision<Content = any> {
  /** The slot's id. */
  slot: string;
  /** The offer, `null` without one. For a held-out visitor the one that would have been made. */
  offer: string | null;
  /** What to show: the offer's content, the slot's own, or your `fallback`. */
  content: Content;
  /** The offer's variant; `holdout` for who is held out. */
  arm: string | null;
  /**
   * How it was decided: in this page, kept from an earlier page, inlined by the server, or not at all.
   */
  source: "local" | "cached" | "bootstrap" | "fallback";
  /** The first reason in one word: `segment`, `everyone`, `holdout`, `no_offer`, `consent`, `none`. */
  reason: string;
  /** All reasons, each by a code, with the id of what it speaks of. */
  why: { code: string; id?: string; text?: string }[];
  /** With what probability this arm was drawn; goes into the exposure. */
  propensity?: number;
  /** The id of the decision, where the collector has made it. */
  decision_id?: string;
  /** In `inspect()`: every offer of the slot in the order tried, with the rule that ended its try. */
  debug?: { offer: string; code: string }[];
  /** For how long the decision may be kept. */
  ttl_s?: number;
}

/** An item that the collector recommends. */
export interface Recommendation {
  /** The `item_id`. */
  id: string;
  /** How well it fits; only the order within one answer means anything. */
  score: number;
  /** The items that led to it, how, and how often they were seen together. */
  why: { kind?: string; because?: string[]; n?: number };
  /** Its entry of the catalogue, where the shop has sent one. */
  item?: { item_id: string; item_name?: string; item_category?: string; price?: number; url?: string; image?: string };
}

/** An event as {@link Beckon.inspect} shows it. */
export interface LoggedEvent extends EventData {
  /** A UUID, by which the collector knows it again. */
  id: string;
  /** What happened. */
  name: string;
  /** When, in the form of RFC 3339. */
  at: string;
  /** `waiting`, then what the collector said: `stored`, `duplicate`, `rejected`, `filtered`; or `dropped`. */
  status: string;
  /** Why it was not stored. */
  code?: string;
}

/** What Beckon knows and does at this moment. */
export interface Inspection {
  /** The visitor's id; none before there is consent. */
  visitor?: string;
  /** The session's id, as far as this browser knows. */
  session?: string;
  /** Whom `identify()` named. */
  user?: string;
  /** What the visitor has agreed to. */
  consent: Consent;
  /** What decisions go by. */
  facts: Record<string, string | number | boolean | null>;
  /** The ids of the visitor's segments. */
  segments: string[];
  /** How many events are not answered yet. */
  queue: number;
  /** How many events of this page are stored. */
  sent: number;
  /** The last 50 events, newest first. */
  last: LoggedEvent[];
  /** The latest decision of each slot that was asked for. */
  decisions: Record<string, Decision>;
  /** 1 when the engine runs. */
  tier: 0 | 1;
}

/** One site's instance in a page. No method throws. */
export interface Beckon {
  /** Tracks an event, in GA4's names where one exists: `view_item`, `add_to_cart`, `purchase`, ... */
  track(name: EventName | (string & {}), data?: EventData): void;
  /** Tracks a page view. Those of loading and of navigation by `history` are tracked without it. */
  page(): void;
  /** Names the visitor by the shop's own id, with traits that become the facts `trait.*`. */
  identify(user: string | number, traits?: Record<string, unknown>): void;
  /** Begins with a new visitor, as after a log-out on a shared computer. */
  reset(): void;
  /** What the visitor has agreed to; `denied` deletes what was stored, in all tabs. */
  consent(choice: Consent): void;
  /** What to show in a slot, at once and without a request. */
  decide<Content = any>(slot: string, options?: { fallback?: Content }): Decision<Content>;
  /** Calls back with each decision for a slot that differs from the one before. Returns what ends it. */
  onDecision<Content = any>(slot: string, call: (decision: Decision<Content>) => void): () => void;
  /**
   * Asks the collector for items. When no answer comes within `timeout` milliseconds, the list is empty and its
   * source `fallback`.
   */
  recommend(
    slot: string,
    options?: { n?: number; item?: string; timeout?: number },
  ): Promise<{ items: Recommendation[]; source: string }>;
  /** The ids of the visitor's segments, as far as the page knows. */
  segments(): string[];
  /** Whether the visitor is in a segment. */
  matches(segment: string): boolean;
  /** Sends what waits. Resolves when nothing is left or a try has failed. */
  flush(): Promise<void>;
  /** Prints warnings to the console also outside of localhost: what was refused, and which fields were masked as what. */
  debug(on: boolean): void;
  /** What Beckon knows and does at this moment. */
  inspect(): Inspection;
  /** Calls back, at most once a frame, when {@link Beckon.inspect} would differ. Returns what ends it. */
  on(event: "change", call: () => void): () => void;
}

/** Starts Beckon; the same key gives the same instance. Returns at once. On a server it does nothing. */
export function init(options: Options): Beckon;
