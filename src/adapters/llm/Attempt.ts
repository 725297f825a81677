import type { IncomingHttpHeaders } from "node:http"
import type { Dispatcher } from "undici"
import type { Call } from "./Call.ts"
import { headersForUpstream } from "./forwarded.ts"
import { connectionError, failed, type Judgement } from "./judge.ts"
import { RefusedAnswer } from "./RefusedAnswer.ts"
import type { Lease } from "./Route.ts"
import { StreamedAnswer } from "./StreamedAnswer.ts"
import { TimeOuts, type TimeOutMillis } from "./TimeOuts.ts"
import type { Upstream } from "./Upstreams.ts"
import { type Answer, insteadOf, refused, type Verdict } from "./verdicts.ts"
import { WholeAnswer } from "./WholeAnswer.ts"

type Controller = Dispatcher.DispatchController

/** One try at one backend. */
interface Trying {
  readonly call: Call
  readonly lease: Lease
  readonly upstream: Upstream
  readonly body: Buffer
  /** The usage of the stream is asked for on our own account. */
  readonly hasAskedUsage: boolean
  readonly timeOuts: TimeOutMillis
}

const GONE: Verdict = { kind: "gone" }
/** Only undici sees it. */
const OVER = new Error("nobody waits for this answer")

const isRedundant = (headers: IncomingHttpHeaders) =>
  headers["content-encoding"] !== undefined && headers["content-encoding"] !== "identity"

/**
 * Hears undici for a try, and lets go of it at the end: undici itself holds on to who heard it, until the next great
 * collection of garbage, and with that to everything that there was about a request.
 */
class Listener implements Dispatcher.DispatchHandler {
  #attempt: Attempt | undefined

  constructor(attempt: Attempt) {
    this.#attempt = attempt
  }

  onRequestStart(controller: Controller): void {
    this.#attempt?.connected(controller)
  }

  onResponseStart(_controller: Controller, status: number, headers: IncomingHttpHeaders): void {
    this.#attempt?.begins(status, headers)
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    this.#attempt?.goesOn(controller, chunk)
  }

  onResponseEnd(): void {
    const attempt = this.#attempt
    this.#attempt = undefined
    attempt?.ends()
  }

  onResponseError(_controller: Controller, error: Error): void {
    const attempt = this.#attempt
    this.#attempt = undefined
    attempt?.breaks(error)
  }
}

/**
 * Sends a request to a backend and takes in what comes back, in undici's own events: bytes go to the caller as they
 * come, and stop coming while the caller does not take them.
 */
export class Attempt {
  readonly #trying: Trying
  readonly #done: (verdict: Verdict) => void
  readonly #timeOuts: TimeOuts
  #controller: Controller | undefined
  #answer: Answer | undefined
  #connections: number
  #isRepeated = false
  #isOver = false
  /** The exchange with the backend has come to its end by itself. */
  #isEnded = false

  private constructor(trying: Trying, done: (verdict: Verdict) => void) {
    this.#trying = trying
    this.#done = done
    this.#connections = trying.upstream.connections
    this.#timeOuts = new TimeOuts(trying.timeOuts, (error) => this.#runOut(error))
    trying.call.onGone = () => this.#finish(GONE)
  }

  /** Ends with a verdict, whatever happens. */
  static run(trying: Trying): Promise<Verdict> {
    return new Promise((resolve) => new Attempt(trying, resolve).#send())
  }

  connected(controller: Controller): void {
    if (this.#isOver) return controller.abort(OVER)
    this.#controller = controller
    this.#timeOuts.connected()
  }

  begins(status: number, headers: IncomingHttpHeaders): void {
    if (this.#isOver || status < 200) return
    this.#timeOuts.heard()
    const answer = this.#answerOf(status, headers)
    if ("push" in answer) this.#answer = answer
    else this.#finish(refused(answer))
  }

  goesOn(controller: Controller, chunk: Buffer): void {
    if (this.#isOver || this.#answer === undefined) return
    const verdict = this.#answer.push(chunk)
    if (verdict !== undefined) return this.#finish(verdict)
    if (this.#answer.isAlive) this.#timeOuts.heard()
    if (this.#answer.isCommitted) this.#timeOuts.committed()
    if (this.#trying.call.response.writableNeedDrain) this.#pause(controller)
  }

  ends(): void {
    this.#isEnded = true
    this.#timeOuts.stop()
    if (!this.#isOver && this.#answer !== undefined) this.#finish(this.#answer.end())
  }

  breaks(error: Error): void {
    this.#isEnded = true
    this.#timeOuts.stop()
    if (this.#isOver) return
    const word = connectionError(error)
    if (this.#answer === undefined && word === "connection_lost" && this.#wasKept()) return this.#repeat()
    this.#fail(failed(word))
  }

  #send(): void {
    const { body, call, lease, upstream } = this.#trying
    const { api } = lease.route.backend
    const headers = headersForUpstream(call.request.headers, api, lease.route.key ?? "")
    upstream.send({ method: "POST", api, path: call.route.path, headers, body }, new Listener(this))
  }

  /** No connection was made since: it went out on one that had been kept, and may have been closed at that moment. */
  #wasKept(): boolean {
    return (
      !this.#isRepeated && this.#connections > 0 && this.#trying.upstream.connections === this.#connections
    )
  }

  #repeat(): void {
    this.#isRepeated = true
    this.#isEnded = false
    this.#controller = undefined
    this.#timeOuts.start()
    this.#send()
  }

  #answerOf(status: number, headers: IncomingHttpHeaders): Answer | Judgement {
    const { call, hasAskedUsage, lease } = this.#trying
    if (status >= 300) {
      const instead = insteadOf(lease, call.body?.model ?? "")
      return new RefusedAnswer({ status, headers, instead, hasAskedUsage })
    }
    // It was asked for as it is: what comes packed could unpack to anything.
    if (isRedundant(headers)) return failed("encoded_answer")
    const isEvents = String(headers["content-type"]).toLowerCase().startsWith("text/event-stream")
    if (!isEvents) return new WholeAnswer(call, lease, headers)
    return call.body?.isStream === true ? new StreamedAnswer(call, lease, headers) : failed("bad_answer")
  }

  #pause(controller: Controller): void {
    controller.pause()
    this.#timeOuts.pause()
    this.#trying.call.response.once("drain", () => {
      this.#timeOuts.heard()
      controller.resume()
    })
  }

  #runOut(error: string): void {
    if (this.#isOver) this.#controller?.abort(OVER)
    else this.#fail(failed(error))
  }

  #fail(judgement: Judgement): void {
    this.#finish(this.#answer === undefined ? refused(judgement) : this.#answer.fail(judgement))
  }

  /**
   * The first verdict counts. An answer that was taken in whole may have its connection's end to come, so that the
   * next request can use it; in all other cases what still comes is of no use.
   */
  #finish(verdict: Verdict): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#trying.call.onGone = undefined
    if (verdict.kind !== "served" && !this.#isEnded) {
      this.#timeOuts.stop()
      this.#controller?.abort(OVER)
    }
    this.#done(verdict)
  }
}
