import { Duration } from "effect"
import type { ServerResponse } from "node:http"
import { RequestTimedOut } from "../EdgeRefusal.ts"
import { refusalOf } from "../refusals.ts"
import { PROBLEM, problemText } from "./problems.ts"

/** The requests that are being answered, so that none takes for ever and a stop waits for all. */
export class InFlight {
  readonly #responses = new Map<ServerResponse, number>()
  readonly #within: number
  #isDraining = false

  /** `within`: how long the beginning of an answer may take. */
  constructor(within: Duration.Input) {
    this.#within = Duration.toMillis(within)
  }

  readonly note = (response: ServerResponse, isUnlimited = false) => {
    this.#responses.set(response, isUnlimited ? Number.POSITIVE_INFINITY : performance.now())
    response.once("close", () => this.#responses.delete(response))
    if (this.#isDraining) response.shouldKeepAlive = false
  }

  /** Tells who waits too long that no answer will come; what was begun goes on. */
  readonly giveUp = () => {
    const late = performance.now() - this.#within
    for (const [response, since] of this.#responses) {
      if (since > late || response.headersSent) continue
      const refusal = refusalOf(new RequestTimedOut())
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
    for (const response of this.#responses.keys()) response.shouldKeepAlive = false
  }

  get isEmpty() {
    return this.#responses.size === 0
  }
}
