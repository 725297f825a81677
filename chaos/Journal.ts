import type { Answer } from "./Rest.ts"

/** A command as its client knows it: given once, perhaps repeated under its key until its fate was known. */
export interface Call {
  /** As the log names it: the member and its key. */
  readonly command: string
  readonly by: string
  readonly kind: string
  readonly task: string | undefined
  /** The claim it was fenced by. */
  readonly claim: number | undefined
  readonly start: number
  readonly end: number
  /** Unknown: no answer came, or it was refused when an earlier try of it may still take effect. */
  readonly outcome: "accepted" | "refused" | "unknown"
  readonly answer: Answer | undefined
}

/** The journal of a run: everything that its clients did and saw. */
export class Journal {
  readonly calls: Array<Call> = []
  /** The statuses that no answer may have, since they are never honest. */
  readonly oddities: Array<string> = []
  /** Repeats that were not answered as the first time. */
  readonly otherwise: Array<{ readonly command: string; readonly what: string }> = []
  /** Tries that got no answer, or one that says that nobody knows. */
  lostAnswers = 0
  /** Commands that were repeated although their answer was known. */
  repeats = 0
  /** Honest refusals for the time being, by their code. */
  readonly refusals = new Map<string, number>()

  get unavailable(): number {
    return [...this.refusals.values()].reduce((sum, count) => sum + count, 0)
  }

  refuse(code: string): void {
    this.refusals.set(code, this.refused(code) + 1)
  }
  refused(code: string): number {
    return this.refusals.get(code) ?? 0
  }

  get accepted(): ReadonlyArray<Call & { readonly answer: Answer }> {
    return this.calls.flatMap((call) =>
      call.outcome === "accepted" && call.answer !== undefined ? [{ ...call, answer: call.answer }] : [],
    )
  }

  count(outcome: Call["outcome"]): number {
    return this.calls.filter((call) => call.outcome === outcome).length
  }
}
