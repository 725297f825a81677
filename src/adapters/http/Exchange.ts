import { Context } from "effect"
import type { Asked } from "../../operations/Asked.ts"

/** A request as the gate lets it through. */
export class Exchange extends Context.Service<
  Exchange,
  {
    readonly asked: Asked
    /** As sent: path and query. */
    readonly url: string
    readonly ifNoneMatch: string | undefined
    /** The body as it was parsed; undefined without one. */
    readonly sent: unknown
  }
>()("crewlog/adapters/http/Exchange") {}

const TAG = /"[\x21\x23-\x7e]*"/g

/** True if a reader has what this entity tag names: weak comparison, as RFC 9110 has it for reads. */
export const isKnown = (ifNoneMatch: string | undefined, tag: string): boolean =>
  ifNoneMatch !== undefined &&
  (ifNoneMatch.trim() === "*" || [...ifNoneMatch.matchAll(TAG)].some(([one]) => one === tag))
