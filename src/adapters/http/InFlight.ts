import { Duration } from "effect"
import type { ServerResponse } from "node:http"
import { RequestTimedOut } from "../EdgeRefusal.ts"
import { refusalOf } from "../refusals.ts"
import { PROBLEM, problemText } from "./problems.ts"

interface Answer {
  readonly response: ServerResponse
  readonly since: number
  /** Where it stands among the others. */
  place: number
}

/** The requests that are being answered, so that none takes for ever and a stop waits for all. */
export class InFlight {
  // No Map: one that comes and goes makes a new table each time its old one is full of gaps, and the old one refers to
  // the new. Once such a table is among V8's old objects, all later ones stay with it, and with them each request that
  // they had, until all of the heap is looked at: that was a tenth of the time of a busy gateway.
  readonly #answers: Array<Answer> = []
  readonly #within: number
  #isDraining = false

  /** `within`: how long the beginning of an answer may take. */
  constructor(within: Duration.Input) {
    this.#within = Duration.toMillis(within)
  }

  readonly note = (response: ServerResponse, isUnlimited = false) => {
    const since = isUnlimited ? Number.POSITIVE_INFINITY : performance.now()
    const answer = { response, since, place: this.#answers.length }
    this.#answers.push(answer)
    response.on("close", () => this.#forget(answer))
    if (this.#isDraining) response.shouldKeepAlive = false
  }

  /** Tells who waits too long that no answer will come; what was begun goes on. */
  readonly giveUp = () => {
    const late = performance.now() - this.#within
    for (const { response, since } of this.#answers) {
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
    for (const { response } of this.#answers) response.shouldKeepAlive = false
  }

  get isEmpty() {
    return this.#answers.length === 0
  }

  /** The last one takes its place. */
  #forget({ place }: Answer) {
    const last = this.#answers.pop()
    if (last === undefined || last.place === place) return
    this.#answers[place] = last
    last.place = place
  }
}
