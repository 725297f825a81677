import { Duration } from "effect"
import type { ServerResponse } from "node:http"
import { Bag, type Bagged, OUTSIDE } from "../Bag.ts"
import { RequestTimedOut } from "../../operations/EdgeRefusal.ts"
import { refusalOf } from "../../operations/refusals.ts"
import { PROBLEM, problemText } from "./problems.ts"

interface Answer extends Bagged {
  readonly response: ServerResponse
  readonly since: number
}

/** The requests that are being answered, so that none takes for ever and a stop waits for all. */
export class InFlight {
  readonly #answers = new Bag<Answer>()
  readonly #within: number
  #isDraining = false

  /** `within`: how long the beginning of an answer may take. */
  constructor(within: Duration.Input) {
    this.#within = Duration.toMillis(within)
  }

  readonly note = (response: ServerResponse, isUnlimited = false) => {
    const since = isUnlimited ? Number.POSITIVE_INFINITY : performance.now()
    const answer = { response, since, place: OUTSIDE }
    this.#answers.add(answer)
    response.on("close", () => this.#answers.remove(answer))
    if (this.#isDraining) response.shouldKeepAlive = false
  }

  /** Tells who waits too long that no answer will come; what was begun goes on. */
  readonly giveUp = () => {
    const late = performance.now() - this.#within
    for (const { response, since } of this.#answers.all()) {
      if (since > late || response.headersSent) continue
      const refusal = refusalOf(new RequestTimedOut())
      // Of a body that still comes in nothing more is wanted.
      if (!response.req.complete) response.shouldKeepAlive = false
      response.writeHead(refusal.status, {
        "content-type": PROBLEM,
        "retry-after": String(refusal.retryAfter),
      })
      response.end(problemText(refusal))
    }
  }

  /** From now on every answer closes its connection. */
  readonly drain = () => {
    this.#isDraining = true
    for (const { response } of this.#answers.all()) response.shouldKeepAlive = false
  }

  get isEmpty() {
    return this.#answers.isEmpty
  }
}
