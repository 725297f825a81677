/** The work of one node's gateway in the last sixty seconds. */
export interface Minute {
  readonly requests: number
  readonly errors: number
  readonly tokens: number
  readonly cost_usd: number
}

const SECONDS = 60
const nothing: Minute = { requests: 0, errors: 0, tokens: 0, cost_usd: 0 }

const sum = (one: Minute, other: Minute): Minute => ({
  requests: one.requests + other.requests,
  errors: one.errors + other.errors,
  tokens: one.tokens + other.tokens,
  cost_usd: one.cost_usd + other.cost_usd,
})

/** A slot for each second; the slot of a minute ago is written anew. */
export class LastMinute {
  readonly #slots = Array.from({ length: SECONDS }, () => ({ second: 0, done: nothing }))

  /** `now` in milliseconds. */
  add(now: number, done: Minute): void {
    const second = Math.floor(now / 1000)
    const slot = this.#slots[second % SECONDS]
    if (slot === undefined) return
    slot.done = slot.second === second ? sum(slot.done, done) : done
    slot.second = second
  }

  read(now: number): Minute {
    const oldest = Math.floor(now / 1000) - SECONDS
    return this.#slots.reduce((all, { done, second }) => (second > oldest ? sum(all, done) : all), nothing)
  }
}
