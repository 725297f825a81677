import type { Operation } from "./linearizable.ts"

/** Who has a task, by which claim. `claim` is undefined when it was given by a taking whose answer was lost. */
export interface Holding {
  readonly holder: string | null
  readonly claim: number | null | undefined
}

export const free: Holding = { holder: null, claim: null }
export const keyOfHolding = ({ claim, holder }: Holding): string => `${holder} ${claim}`

/** What an agent asked of a task, and what it was told. */
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

const is = (claim: Holding["claim"], other: number | null) => claim === undefined || claim === other

const after = (deed: Deed, state: Holding): Holding | undefined => {
  const { claim, holder } = state
  const { by } = deed
  switch (deed.answer) {
    case "unknown":
      if (deed.kind === "take") return holder === null ? { holder: by, claim: undefined } : undefined
      return holder === by ? free : undefined
    case "taken":
      if (holder === null) return { holder: by, claim: deed.claim }
      return holder === by && is(claim, deed.claim) ? { holder, claim: deed.claim } : undefined
    case "held":
      return holder === deed.holder && holder !== by ? state : undefined
    case "released":
      return holder === by ? free : undefined
    case "not holder":
      return holder === deed.holder && holder !== by ? state : undefined
    case "changed":
      return holder !== null && is(claim, deed.with) ? { holder, claim: deed.with } : undefined
    case "stale":
      if (deed.claim === null) return holder === null ? state : undefined
      return holder !== null && deed.claim !== deed.with && is(claim, deed.claim)
        ? { holder, claim: deed.claim }
        : undefined
  }
}

/** A deed as an operation on who holds the task: at most one at any time. */
export const onHolding = (deed: Deed, start: number, end: number): Operation<Holding> => ({
  start,
  end: deed.answer === "unknown" ? Infinity : end,
  step: (state) => after(deed, state),
})
