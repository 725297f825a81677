import { Effect } from "effect"
import { Deliveries, type Letter, OutsideAway, OutsideRefuses } from "./Deliveries.ts"

/** A fault of one call. `away`: before it arrives. `lost`: after it took effect. `silent`: no answer ever. */
export type Fault = "away" | "lost" | "silent"

/** Somebody outside, who counts what really happened. */
export class Outside {
  /** Calls that arrived, by key, answered or not. */
  readonly calls = new Map<string, number>()
  /** Effects by key: whether it is once is what all this is about. */
  readonly effects = new Map<string, number>()
  readonly inquiries: Array<string> = []
  readonly faults: Array<Fault> = []
  readonly refused = new Set<string>()
  readonly #receipts = new Map<string, string>()

  arrives(key: string, { to }: Letter): string | undefined {
    this.calls.set(key, (this.calls.get(key) ?? 0) + 1)
    if (this.refused.has(to)) return undefined
    const known = this.#receipts.get(key)
    if (known !== undefined) return known
    this.effects.set(key, (this.effects.get(key) ?? 0) + 1)
    const receipt = `receipt of ${key}`
    this.#receipts.set(key, receipt)
    return receipt
  }

  find(key: string): string | undefined {
    this.inquiries.push(key)
    return this.#receipts.get(key)
  }
}

const away = (reason: string) => new OutsideAway({ reason })

/** The adapter in memory. Keeps the contract of test/contracts/reactionPort.ts, as one over HTTP does. */
export const inMemory = (outside: Outside): Deliveries["Service"] =>
  Deliveries.of({
    send: Effect.fnUntraced(function* (key, letter) {
      const fault = outside.faults.shift()
      if (fault === "away") return yield* away("no connection")
      if (fault === "silent") return yield* Effect.never
      const receipt = outside.arrives(key, letter)
      // Others get a turn between what happened and its answer.
      yield* Effect.yieldNow
      if (fault === "lost") return yield* away("the connection was lost")
      return receipt ?? (yield* new OutsideRefuses({ reason: `${letter.to} takes nothing` }))
    }),
    find: Effect.fnUntraced(function* (key) {
      if (outside.faults.shift() !== undefined) return yield* away("no connection")
      return outside.find(key)
    }),
  })
