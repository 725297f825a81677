import type { IncomingHttpHeaders } from "node:http"
import { type Judgement, judge, type Request } from "./judge.ts"
import type { Fields } from "./jsonFields.ts"
import { Pieces } from "./Pieces.ts"
import { retryDelayIn } from "./retryDelay.ts"
import { refusedWithOptions } from "./streamOptions.ts"
import { jsonIn, upstreamErrorOf } from "./upstreamErrors.ts"
import type { Answer, Verdict } from "./verdicts.ts"

/** Bytes of an error that are read; the rest says nothing new. */
const READ_UP_TO = 64 * 1024

interface Refusal extends Request {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Fields of a request that asked for the usage of a stream on our own account. */
  readonly usageAskedIn: Fields | undefined
}

/** An answer that is no success: read to its end, so that it can be judged and the connection be kept. */
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
    const { status, usageAskedIn, ...refusal } = this.#refusal
    const text = this.#pieces.whole.toString("utf8")
    const json = jsonIn(text)
    const now = Date.now()
    const judgement = judge({
      ...refusal,
      status,
      error: upstreamErrorOf(json),
      isReadable: json !== undefined,
      now,
      retryDelay: retryDelayIn(text, now),
    })
    return refusedWithOptions({ status, text, usageAskedIn }, judgement)
  }

  /** The status is there, whatever becomes of the rest. */
  fail(_judgement: Judgement): Verdict {
    return this.end()
  }
}
