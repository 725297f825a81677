import type { Operation } from "./linearizable.ts"

/** The holder of a task, and its claim. `claim` is undefined when it was given by a taking whose answer was lost. */
export interface Holding {
  readonly holder: string | null
  readonly claim: number | null | undefined
  /** The newest claim that is known so far: each is newer than all before it. */
  readonly newest: number
}

export const free: Holding = { holder: null, claim: null, newest: 0 }
export const keyOfHolding = ({ claim, holder, newest }: Holding): string => `${holder} ${claim} ${newest}`

/** A request of an agent about a task, and its answer. */
export type Deed =
  | { readonly kind: "take"; readonly by: string; readonly answer: "unknown" }
  | { readonly kind: "take"; readonly by: string; readonly answer: "taken"; readonly claim: number }
  | { readonly kind: "take"; readonly by: string; readonly answer: "held"; readonly holder: string }
  | { readonly kind: "reject"; readonly by: string; readonly answer: "unknown" | "released" }
  | {
      readonly kind: "reject"
      readonly by: string
      readonly answer: "not holder"
      readonly holder: string | null
    }
  | { readonly kind: "change"; readonly by: string; readonly with: number; readonly answer: "changed" }
  | {
      readonly kind: "change"
      readonly by: string
      readonly with: number
      readonly answer: "stale"
      readonly claim: number | null
    }

const freed = ({ newest }: Holding): Holding => ({ ...free, newest })
const claimed = (holder: string, claim: number): Holding => ({ holder, claim, newest: claim })

/** Answers whether the claim that holds can be this one. */
const holdsBy = ({ claim: held, holder, newest }: Holding, claim: number) =>
  holder !== null && (held === claim || (held === undefined && claim > newest))

const after = (deed: Deed, state: Holding): Holding | undefined => {
  const { holder, newest } = state
  const { by } = deed
  switch (deed.answer) {
    case "unknown":
      if (deed.kind === "take") return holder === null ? { holder: by, claim: undefined, newest } : undefined
      return holder === by ? freed(state) : undefined
    case "taken":
      if (holder === null) return deed.claim > newest ? claimed(by, deed.claim) : undefined
      return holder === by && holdsBy(state, deed.claim) ? claimed(by, deed.claim) : undefined
    case "held":
      return holder === deed.holder && holder !== by ? state : undefined
    case "released":
      return holder === by ? freed(state) : undefined
    case "not holder":
      return holder === deed.holder && holder !== by ? state : undefined
    case "changed":
      return holder !== null && holdsBy(state, deed.with) ? claimed(holder, deed.with) : undefined
    case "stale":
      if (deed.claim === null) return holder === null ? state : undefined
      return holder !== null && deed.claim !== deed.with && holdsBy(state, deed.claim)
        ? claimed(holder, deed.claim)
        : undefined
  }
}

/** A deed as an operation on who holds the task: at most one at any time. */
export const onHolding = (deed: Deed, start: number, end: number): Operation<Holding> => ({
  start,
  end: deed.answer === "unknown" ? Infinity : end,
  step: (state) => after(deed, state),
  does: `${deed.kind} by ${deed.by}`,
})
