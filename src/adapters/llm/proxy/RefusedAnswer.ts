import type { IncomingHttpHeaders } from "node:http"
import { type Judgement, judge } from "./judge.ts"
import { Pieces } from "./Pieces.ts"
import { retryDelayIn } from "./retryDelay.ts"
import { refusedWithOptions } from "./streamOptions.ts"
import { upstreamErrorIn } from "./upstreamErrors.ts"
import { type Answer, refused, type Verdict } from "./verdicts.ts"

/** Bytes of an error that are read; the rest says nothing new. */
const READ_UP_TO = 64 * 1024

interface Refusal {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly instead: ReadonlyArray<readonly [string, string]>
  /** The request asked for the usage of a stream on our own account. */
  readonly hasAskedUsage: boolean
}

/** What was answered in place of an answer: read to its end, so that it can be judged and the connection be kept. */
export class RefusedAnswer implements Answer {
  readonly isCommitted = false
  readonly isComplete = false
  readonly #refusal: Refusal
  readonly #pieces = new Pieces()

  constructor(refusal: Refusal) {
    this.#refusal = refusal
  }

  push(chunks: ReadonlyArray<Buffer>): Verdict | undefined {
    for (const chunk of chunks) this.#pieces.add(chunk)
    return this.#pieces.size > READ_UP_TO ? this.end() : undefined
  }

  end(): Verdict {
    const { hasAskedUsage, headers, instead, status } = this.#refusal
    const text = this.#pieces.whole.toString("utf8")
    const error = upstreamErrorIn(text)
    const now = Date.now()
    const retryDelay = retryDelayIn(text, now)
    const judgement = judge({ status, headers, error, now, instead, retryDelay })
    return hasAskedUsage ? refusedWithOptions(status, text, judgement) : refused(judgement)
  }

  /** The status is there, whatever becomes of the rest. */
  fail(_judgement: Judgement): Verdict {
    return this.end()
  }
}
