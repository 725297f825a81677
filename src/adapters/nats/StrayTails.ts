/** Subjects of which this is known; the others are looked at again. */
const MOST = 10_000

interface Tail {
  /** The position of the subject's newest record, 0 for none. */
  readonly record: number
  /** The position of the newest stray message behind it. */
  readonly stray: number
}

/**
 * The stray messages at the end of subjects. Deciders know of records only, but the server compares the guard of an
 * append with whatever message is the newest on the subject.
 */
export class StrayTails {
  readonly #tails = new Map<string, Tail>()

  /** The newest record of a subject that ends with this stray message, as far as it is known. */
  recordBefore(subject: string, stray: number): number | undefined {
    const tail = this.#tails.get(subject)
    return tail?.stray === stray ? tail.record : undefined
  }

  note(subject: string, tail: Tail): void {
    this.#tails.delete(subject)
    this.#tails.set(subject, tail)
    if (this.#tails.size > MOST) this.#tails.delete(this.#tails.keys().next().value ?? "")
  }

  /** The guard to send for one that names the newest record: nothing but stray messages stands between the two. */
  guardOf(subject: string, guard: number): number {
    const tail = this.#tails.get(subject)
    return tail?.record === guard ? tail.stray : guard
  }
}
