import type { Judgement } from "./judge.ts"
import type { Answer, Verdict } from "./verdicts.ts"

/** The characters that the fields of events begin with: `data`, `event`, `id`, `retry`, and comments. */
const BEGINNINGS = new Set(["d", "e", "i", "r", ":"].map((char) => char.charCodeAt(0)))
/** Blanks, and the bytes of a byte order mark. */
const isBefore = (byte: number) => byte <= 0x20 || byte === 0xef || byte === 0xbb || byte === 0xbf

/**
 * An answer to a request for a stream that does not say that it is one: the official clients go by what they asked for.
 * Its first character tells.
 */
export class UnsureAnswer implements Answer {
  readonly #make: (isStream: boolean) => Answer
  #answer: Answer | undefined
  #before: Array<Buffer> = []

  constructor(make: (isStream: boolean) => Answer) {
    this.#make = make
  }

  get isCommitted(): boolean {
    return this.#answer?.isCommitted === true
  }

  get isComplete(): boolean {
    return this.#answer?.isComplete === true
  }

  push(chunks: ReadonlyArray<Buffer>): Verdict | undefined {
    if (this.#answer !== undefined) return this.#answer.push(chunks)
    this.#before.push(...chunks)
    for (const chunk of chunks) {
      const first = chunk.find((byte) => !isBefore(byte))
      if (first !== undefined) return this.#decide(BEGINNINGS.has(first))
    }
    return undefined
  }

  end(): Verdict {
    const verdict = this.#answer === undefined ? this.#decide(false) : undefined
    return verdict ?? this.#decided.end()
  }

  fail(judgement: Judgement): Verdict {
    return this.#decided.fail(judgement)
  }

  get #decided(): Answer {
    this.#answer ??= this.#make(false)
    return this.#answer
  }

  #decide(isStream: boolean): Verdict | undefined {
    const before = this.#before
    this.#before = []
    this.#answer = this.#make(isStream)
    return before.length === 0 ? undefined : this.#answer.push(before)
  }
}
