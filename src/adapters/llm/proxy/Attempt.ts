import type { IncomingHttpHeaders } from "node:http"
import type { Dispatcher } from "undici"
import type { Call } from "./Call.ts"
import { isLostWhileKept } from "./connections.ts"
import { headersForUpstream } from "./forwarded.ts"
import { connectionError, failed, type Judgement } from "./judge.ts"
import { RefusedAnswer } from "./RefusedAnswer.ts"
import type { Lease } from "../../../gateway/routing/Route.ts"
import { StreamedAnswer } from "./StreamedAnswer.ts"
import { TimeOuts, type TimeOutMillis } from "./TimeOuts.ts"
import { turn } from "./Turn.ts"
import { codingOf, Unpacking } from "./Unpacking.ts"
import { UnsureAnswer } from "./UnsureAnswer.ts"
import type { Upstream } from "./Upstreams.ts"
import { type Answer, refused, requestOf, type Verdict } from "./verdicts.ts"
import { WholeAnswer } from "./WholeAnswer.ts"

type Controller = Dispatcher.DispatchController

/** A try at one backend. */
interface Trying {
  readonly call: Call
  readonly lease: Lease
  readonly upstream: Upstream
  readonly body: Buffer
  /** The usage of the stream is asked for on our own account. */
  readonly hasAskedUsage: boolean
  readonly timeOuts: TimeOutMillis
}

/** The time that a backend's words in place of an answer are waited for, in milliseconds: its status is there already. */
const REFUSED_WITHIN = 2_000
/** After the last event, so that the connection can be used again. */
const ENDS_WITHIN = 5_000
const GONE: Verdict = { kind: "gone" }
/** Only undici sees it. */
const OVER = new Error("nobody waits for this answer")

/**
 * Sends a request to a backend and takes in what comes back, in undici's own events: bytes go to the caller as they
 * come, and stop coming while the caller does not take them.
 *
 * At the end it lets go of everything. V8 makes objects old that it has often seen to live through a collection of
 * garbage, and what an old one refers to stays, though nobody needs either, until all of the heap is looked at: that
 * took a fifth of the time of a busy gateway.
 */
export class Attempt implements Dispatcher.DispatchHandler {
  /** Undefined once there is a verdict. */
  #trying: Trying | undefined
  #answer: Answer | undefined
  /** The chunks that came in this turn. */
  #chunks: Array<Buffer> = []
  #controller: Controller | undefined
  #unpacking: Unpacking | undefined
  readonly #done: (verdict: Verdict) => void
  readonly #timeOuts: TimeOuts
  #isRepeated = false
  #isInTurn = false
  /** The exchange with the backend has come to its end by itself. */
  #isEnded = false

  private constructor(trying: Trying, done: (verdict: Verdict) => void) {
    this.#trying = trying
    this.#done = done
    this.#timeOuts = new TimeOuts(trying.timeOuts, (error) => this.#runOut(error))
    trying.call.onGone = () => {
      // What has come is what it used.
      this.#workOff()
      this.#finish(GONE)
    }
    this.#send(trying)
  }

  /** Ends with a verdict, whatever happens. */
  static run(trying: Trying): Promise<Verdict> {
    return new Promise((resolve) => void new Attempt(trying, resolve))
  }

  onRequestStart(controller: Controller): void {
    if (this.#trying === undefined) return controller.abort(OVER)
    this.#controller = controller
    this.#timeOuts.connected()
  }

  onResponseStart(_controller: Controller, status: number, headers: IncomingHttpHeaders): void {
    if (this.#trying === undefined || status < 200) return
    this.#timeOuts.heard()
    const answer = answerOf(this.#trying, status, headers)
    // A refusal whose words can't be unpacked still has its status.
    this.#answer = answer
    const coding = codingOf(headers)
    if (coding !== undefined) {
      this.#unpacking = Unpacking.of(coding, {
        take: (bytes) => this.#take(bytes),
        fail: () => this.#fail(failed("encoded_answer")),
      })
      if (this.#unpacking === undefined) return this.#fail(failed("encoded_answer"))
    }
    if (status >= 300) this.#timeOuts.hurry(REFUSED_WITHIN)
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    if (this.#unpacking === undefined) this.#take(chunk)
    else this.#unpacking.write(chunk)
  }

  onResponseEnd(): void {
    const end = () => {
      this.#end()
      this.#inTurn()
    }
    if (this.#unpacking === undefined) end()
    else this.#unpacking.end(end)
  }

  #take(chunk: Buffer): void {
    if (this.#answer === undefined) return
    this.#chunks.push(chunk)
    this.#inTurn()
  }

  /** Takes in together what comes in one turn of the loop. */
  #inTurn(): void {
    if (this.#isInTurn) return
    this.#isInTurn = true
    turn.add(() => {
      this.#isInTurn = false
      this.#workOff()
    })
  }

  #workOff(): void {
    this.#takeIn()
    if (this.#isEnded && this.#answer !== undefined) this.#finish(this.#answer.end())
  }

  onResponseError(_controller: Controller, error: Error): void {
    this.#takeIn()
    this.#end()
    if (this.#trying === undefined) return
    const word = connectionError(error)
    if (this.#answer === undefined && !this.#isRepeated && isLostWhileKept(error)) {
      return this.#repeat(this.#trying)
    }
    this.#fail(failed(word))
  }

  #send({ body, call, lease, upstream }: Trying): void {
    const { api } = lease.route.backend
    const headers = headersForUpstream(call.request.headers, api, lease.route.key ?? "")
    upstream.send({ api, route: call.route.path, headers, body }, this)
  }

  #repeat(trying: Trying): void {
    this.#isRepeated = true
    this.#isEnded = false
    this.#timeOuts.start()
    this.#send(trying)
  }

  #takeIn(): void {
    const answer = this.#answer
    if (this.#trying === undefined || answer === undefined || this.#chunks.length === 0) return
    const chunks = this.#chunks
    this.#chunks = []
    const verdict = answer.push(chunks)
    if (verdict !== undefined) return this.#finish(verdict)
    if (this.#isEnded) return
    // Comments and pings, too: models think for minutes.
    this.#timeOuts.heard()
    if (answer.isCommitted) this.#timeOuts.committed()
    if (answer.isComplete) this.#timeOuts.completed()
    if (this.#trying.call.response.writableNeedDrain) this.#pause(this.#trying.call)
  }

  #pause({ response }: Call): void {
    this.#controller?.pause()
    this.#timeOuts.pause()
    response.once("drain", () => {
      if (this.#trying === undefined) return
      this.#timeOuts.heard()
      this.#controller?.resume()
    })
  }

  #runOut(error: string): void {
    if (this.#trying === undefined) this.#controller?.abort(OVER)
    else this.#fail(failed(error))
  }

  #fail(judgement: Judgement): void {
    this.#finish(this.#answer === undefined ? refused(judgement) : this.#answer.fail(judgement))
    this.#leave()
  }

  /** The exchange is over, and the connection free or gone. */
  #end(): void {
    this.#isEnded = true
    this.#controller = undefined
    this.#timeOuts.stop()
  }

  /**
   * The first verdict counts. An answer that was taken in whole may have its connection's end to come, so that the
   * next request can use it; in all other cases what still comes is of no use.
   */
  #finish(verdict: Verdict): void {
    const trying = this.#trying
    if (trying === undefined) return
    this.#trying = undefined
    this.#answer = undefined
    trying.call.onGone = undefined
    this.#unpacking?.destroy()
    if (verdict.kind !== "served") this.#leave()
    else if (!this.#isEnded) this.#timeOuts.hurry(ENDS_WITHIN)
    this.#done(verdict)
  }

  /** Nothing of what may still come is waited for. */
  #leave(): void {
    if (this.#isEnded) return
    this.#timeOuts.stop()
    this.#controller?.abort(OVER)
  }
}

const answerOf = (
  { call, hasAskedUsage, lease }: Trying,
  status: number,
  headers: IncomingHttpHeaders,
): Answer => {
  const usageAskedIn = hasAskedUsage ? call.body?.fields : undefined
  if (status >= 300) {
    return new RefusedAnswer({ status, headers, usageAskedIn, ...requestOf(call, lease) })
  }
  const whole = () => new WholeAnswer(call, lease, headers, usageAskedIn)
  const streamed = () => new StreamedAnswer(call, lease, headers, usageAskedIn)
  if (call.body?.isStream !== true) return whole()
  const isEvents = String(headers["content-type"]).toLowerCase().startsWith("text/event-stream")
  return isEvents ? streamed() : new UnsureAnswer((isStream) => (isStream ? streamed() : whole()))
}
