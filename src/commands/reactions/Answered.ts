import type { Owed } from "../../projections/ReadModel.ts"

/** A look at what is due: the rows that it found, and what it could not have found. */
interface Look {
  readonly rows: ReadonlyArray<Owed>
  readonly limit: number
  readonly except: ReadonlyArray<string>
}

/**
 * The attempts of one lane that have been answered while their rows may still be there: the read model is a moment
 * behind, or the answer changed nothing. Forgotten as soon as a look shows that the row is gone.
 */
export class Answered {
  readonly #answered = new Map<string, { readonly owed: Owed; readonly until: number }>()

  get size(): number {
    return this.#answered.size
  }

  /** `until`, in milliseconds, the same attempt is not made again; for ever, if the next has another number. */
  add(owed: Owed, until = Infinity): void {
    this.#answered.set(keyOf(owed), { owed, until })
  }

  /** Milliseconds up to which this attempt rests; 0 if it was not answered. */
  restsUntil(owed: Owed): number {
    return this.#answered.get(keyOf(owed))?.until ?? 0
  }

  forgetMissing({ except, limit, rows }: Look): void {
    const found = new Set(rows.map(keyOf))
    const last = rows.length < limit ? undefined : rows.at(-1)
    for (const [key, { owed }] of this.#answered) {
      const isLeftOut = owed.target !== null && except.includes(owed.target)
      const isBeyond = last !== undefined && isAfter(owed, last)
      if (!found.has(key) && !isLeftOut && !isBeyond) this.#answered.delete(key)
    }
  }
}

const keyOf = ({ attempt, id, seq }: Owed) => `${id} ${seq} ${attempt}`

/** In the order of the read model: by `due`, then by id. */
const isAfter = (one: Owed, other: Owed) => (one.due === other.due ? one.id > other.id : one.due > other.due)
