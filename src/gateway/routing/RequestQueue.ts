import type { Wanted } from "./choose.ts"

/** A request that waits. Lines are lists that link those who wait, so that whoever leaves does so at no cost. */
export interface Waiting<Who> {
  readonly who: Who
  /** Milliseconds since 1970. */
  readonly deadline: number
}

interface Slot<Who> extends Waiting<Who> {
  readonly line: Line<Who>
  /** Counts all who came. */
  readonly number: number
  before: Slot<Who> | undefined
  after: Slot<Who> | undefined
  isGone: boolean
}

/** Requests that can be sent to the same backends, in the order in which they came. */
class Line<Who> {
  readonly key: string
  readonly wanted: Wanted
  first: Slot<Who> | undefined
  last: Slot<Who> | undefined
  isStuck = false

  constructor(key: string, wanted: Wanted) {
    this.key = key
    this.wanted = wanted
  }
}

const keyOf = ({ apis, excluded, model }: Wanted) =>
  `${apis.toSorted().join()} ${excluded
    .map(({ id }) => id)
    .toSorted()
    .join()} ${model}`

/**
 * Requests that wait for a backend, first come, first served, among those that can use the same ones. Who comes
 * to the front depends on the lines only, of which there are few, not on how many wait.
 */
export class RequestQueue<Who> {
  #size = 0
  #count = 0
  readonly #lines = new Map<string, Line<Who>>()

  get size(): number {
    return this.#size
  }

  /** Gives what undoes it, which says whether it still waited. */
  add(who: Who, { apis, excluded, model }: Wanted, deadline: number): () => boolean {
    const wanted = { apis, excluded, model }
    const key = keyOf(wanted)
    const line = this.#lines.get(key) ?? new Line<Who>(key, wanted)
    this.#lines.set(key, line)
    const before = line.last
    const slot = { who, deadline, line, number: this.#count++, before, after: undefined, isGone: false }
    if (before === undefined) line.first = slot
    else before.after = slot
    line.last = slot
    this.#size += 1
    return () => this.#leave(slot)
  }

  /**
   * Asks for those at the front of their lines, who came first before the others, until every line is stuck:
   * what `serve` answers false to leaves its line stuck, anything else it has taken out.
   */
  advance(serve: (first: Waiting<Who>, wanted: Wanted) => boolean): void {
    for (const line of this.#lines.values()) line.isStuck = false
    for (;;) {
      const line = this.#next()
      if (line?.first === undefined) return
      if (serve(line.first, line.wanted)) this.#leave(line.first)
      else line.isStuck = true
    }
  }

  /** The line, not stuck, whose first one came before the others'. */
  #next(): Line<Who> | undefined {
    let next: Line<Who> | undefined
    for (const line of this.#lines.values()) {
      if (!line.isStuck && (line.first?.number ?? Infinity) < (next?.first?.number ?? Infinity)) next = line
    }
    return next
  }

  #leave(slot: Slot<Who>): boolean {
    if (slot.isGone) return false
    const { after, before, line } = slot
    if (before === undefined) line.first = after
    else before.after = after
    if (after === undefined) line.last = before
    else after.before = before
    slot.isGone = true
    this.#size -= 1
    if (line.first === undefined) this.#lines.delete(line.key)
    return true
  }
}
