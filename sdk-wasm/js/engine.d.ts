/** The engine in Wasm: the glue that wasm-bindgen writes. Pages use `beckon`; this is for tools. */

/** An event in the form of the wire. */
export interface WireEvent {
  id: string;
  name: string;
  /** RFC 3339. */
  at: string;
  session?: string;
  page?: { url?: string; title?: string; referrer?: string };
  items?: object[];
  currency?: string;
  value?: number;
  transaction_id?: string;
  props?: Record<string, unknown>;
}

/** A visitor's history, with all that the decisions depend on. */
export interface ReplayInput {
  bundle: object;
  visitor: string;
  /** RFC 3339. */
  now: string;
  events: WireEvent[];
  /** Facts that only the collector knows. */
  facts?: Record<string, unknown>;
  /** The slots to decide. */
  slots: string[];
}

/** What the history leads to. */
export interface ReplayOutput {
  bundle: number;
  at: string;
  segments: string[];
  facts: Record<string, unknown>;
  slots: Record<string, object>;
}

/** Loads the module; by default `engine_bg.wasm` beside this file. */
export default function init(options?: { module_or_path: unknown }): Promise<unknown>;
/** Runs a history through the engine; the collector gives the same answer to the same history. Throws a text. */
export function replay(input: ReplayInput): ReplayOutput;

/** @internal */
export function start(
  page: { load(name: string): string | undefined; save(name: string, text: string): void },
  visitor: string,
): void;
/** @internal */
export function take(events: object[]): any[];
/** @internal */
export function learn(bundle: unknown): number;
/** @internal */
export function told(decision: unknown): void;
/** @internal */
export function decide(slot: string, now: number, debug: boolean): any;
/** @internal */
export function standing(now: number): { facts: Record<string, any>; segments: string[]; session?: string };
/** @internal */
export function captures(): string[];
/** @internal */
export function capture(event: Event): any[];
