import { nanoUsd } from "../../projections/Usage.ts"
import type { UsageRecord } from "../../domain/Usage.ts"
import { millisOf } from "../instants.ts"

export const DAY = 86_400_000

/** The spending of a member in a day. */
export interface Spent {
  readonly tokens: number
  readonly nanoUsd: number
}

const nothing: Spent = { tokens: 0, nanoUsd: 0 }

/** The spending of members, by UTC day. Only today counts; other nodes' clocks may already be at tomorrow. */
export class Ledger {
  readonly #days = new Map<number, Map<string, Spent>>()
  /** The newest time that was read, and its day: the next is most often the same. */
  #at = ""
  #day = 0

  /** Counts for the day on which it ended. `now` in milliseconds. */
  add({ at, cost_usd, member, total_tokens }: UsageRecord, now: number): void {
    if (member === null) return
    const day = this.#dayOf(at)
    const today = Math.floor(now / DAY)
    if (day < today || day > today + 1) return
    const spent = this.#of(day, today)
    const { nanoUsd: nano, tokens } = spent.get(member) ?? nothing
    spent.set(member, { tokens: tokens + total_tokens, nanoUsd: nano + nanoUsd(cost_usd) })
  }

  today(member: string, now: number): Spent {
    return this.#days.get(Math.floor(now / DAY))?.get(member) ?? nothing
  }

  #dayOf(at: string): number {
    if (at !== this.#at) {
      this.#at = at
      this.#day = Math.floor(millisOf(at) / DAY)
    }
    return this.#day
  }

  #of(day: number, today: number): Map<string, Spent> {
    const known = this.#days.get(day)
    if (known !== undefined) return known
    for (const old of this.#days.keys()) if (old < today) this.#days.delete(old)
    const made = new Map<string, Spent>()
    this.#days.set(day, made)
    return made
  }
}
