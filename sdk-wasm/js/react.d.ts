import type { ElementType, HTMLAttributes, ReactElement, ReactNode } from "react";
import type { Beckon, Decision, Options } from "./index.js";

/** What {@link BeckonProvider} takes: either `options`, or an `instance` that the page has made. */
export type BeckonProviderProps = { children?: ReactNode } & (
  | {
      /**
       * Options of `init()`. Those of the first render count; the same key gives the same instance, however often the
       * provider is mounted. Decisions in `bootstrap` are rendered on the server too.
       */
      options: Options;
      /** Not beside options. */
      instance?: undefined;
    }
  | {
      /** Not beside an instance. */
      options?: undefined;
      /** What `init()` of `beckon` or `beckon/inline` gave. */
      instance: Beckon;
    }
);

/** Options of {@link useDecision}. */
export interface DecisionOptions<Content = any> {
  /** The content where there is no other: on the server, before the first decision, without an offer. */
  fallback?: Content;
  /**
   * Whether a later, better decision replaces one that was painted. Without it, only the fallback is ever replaced, so
   * that nothing that the visitor reads is swapped. @default false
   */
  follow?: boolean;
}

/** What {@link Slot} takes; further attributes (`className`, `aria-label`, ...) go to its element. */
export interface SlotProps<Content = any>
  extends DecisionOptions<Content>,
    Omit<HTMLAttributes<HTMLElement>, "id" | "children"> {
  /** The slot's id. */
  id: string;
  /** The element around the content, which is watched for having been seen. @default "div" */
  as?: ElementType;
  /** Renders a decision; called with the fallback as its content where there is no other. */
  children: (decision: Decision<Content>) => ReactNode;
}

/** Gives the components below it their instance. Renders on a server, where the instance does nothing. */
export function BeckonProvider(props: BeckonProviderProps): ReactElement;

/** The instance of the nearest provider; without one, an instance that does nothing. */
export function useBeckon(): Beckon;

/** What to show in a slot, now and, where the fallback stands there, as soon as there is something better. */
export function useDecision<Content = any>(slot: string, options?: DecisionOptions<Content>): Decision<Content>;

/**
 * A slot: renders what is decided for it, and tracks `view_promotion` when at least half of it was in view for a
 * second, and `select_promotion` when a link or a button in it is clicked: once each for an offer.
 */
export function Slot<Content = any>(props: SlotProps<Content>): ReactElement;
