import type { IncomingHttpHeaders } from "node:http"
import { errorEvent } from "./apiErrors.ts"
import type { Call } from "./Call.ts"
import { Choices, choicesAskedFor } from "./Choices.ts"
import { ChunkedBody } from "./ChunkedBody.ts"
import { endOfEvent, Events, isNoise, startOfEvent } from "./events.ts"
import { outputCharacters } from "./estimates.ts"
import { brokenOff, failed, type Judgement, statusOfError } from "./judge.ts"
import type { Fields } from "./jsonFields.ts"
import type { Lease } from "../../../gateway/routing/Route.ts"
import { ModelNames, nextNotable, type StreamEvent, streamEvent } from "./streamEvents.ts"
import { refusedWithOptions } from "./streamOptions.ts"
import type { UpstreamError } from "./upstreamErrors.ts"
import { type Answer, judgeError, refused, requestOf, served, type Verdict } from "./verdicts.ts"

/**
 * The events and bytes that are held back while it may still turn out that another backend has to serve
 * (gateway.md, rule 6).
 */
const [MOST_EVENTS, MOST_BYTES] = [64, 256 * 1024]
/** Milliseconds that a stream with signs of life is held back: clients wait some minutes for headers. */
const HELD_FOR = 60_000

/** Bytes of one event: images come in them. */
const LARGEST_EVENT = 16 * 1024 * 1024

/**
 * A stream of events on its way to the caller. It is held back until there is real output; from then on events go
 * out as they come, read only as far as has to be: the model's name, the usage, an error, the end.
 */
export class StreamedAnswer implements Answer {
  isCommitted = false
  readonly #call: Call
  readonly #lease: Lease
  readonly #headers: IncomingHttpHeaders
  readonly #events = new Events()
  readonly #names: ModelNames
  readonly #hidesUsage: boolean
  readonly #usageAskedIn: Fields | undefined
  readonly #body: ChunkedBody
  readonly #choices: Choices
  readonly #since = performance.now()
  #held = ""
  #heldEvents = 0
  #hasOutput = false
  #isOver = false
  #error: UpstreamError | undefined
  /** The event that has the error. */
  #errorEvent = ""
  /** The part of an event's characters that it puts out: that of the first is taken for that of all. */
  #share = 0

  /** `usageAskedIn`: the fields of a request whose usage was asked for on our own account. */
  constructor(call: Call, lease: Lease, headers: IncomingHttpHeaders, usageAskedIn: Fields | undefined) {
    this.#call = call
    this.#lease = lease
    this.#headers = headers
    this.#usageAskedIn = usageAskedIn
    this.#names = new ModelNames(call.route.wire, call.body?.model ?? "")
    this.#hidesUsage = call.route.hasStreamOptions && call.body?.wantsUsage !== true
    this.#body = new ChunkedBody(call.response)
    this.#choices = new Choices(call.route.hasStreamOptions ? choicesAskedFor(call.body?.fields ?? {}) : 1)
  }

  /** Each choice has finished: what comes behind that does not matter. */
  get isComplete(): boolean {
    return this.#choices.areFinished
  }

  push(chunks: ReadonlyArray<Buffer>): Verdict | undefined {
    const events = this.#events.push(chunks)
    if (this.#events.held > LARGEST_EVENT) return this.fail(failed("event_too_large"))
    return this.#passOn(this.#taken(events))
  }

  end(): Verdict {
    const rest = this.#events.held === 0 ? "" : `${this.#events.rest.trimEnd()}\n\n`
    const verdict = this.#passOn(this.#taken(rest))
    if (verdict !== undefined) return verdict
    if (!this.isComplete) return this.fail(failed("stream_cut_off"))
    this.#isOver = true
    return this.#passOn("") ?? served
  }

  fail(judgement: Judgement): Verdict {
    const call = this.#call
    if (!this.isCommitted) {
      call.forget()
      return refused(judgement)
    }
    if (this.isComplete) {
      this.#body.end("")
      return served
    }
    this.#body.end(Buffer.from(errorEvent(call.route.wire, brokenOff(judgement))).toString("latin1"))
    return { kind: "broken", judgement }
  }

  /** The part of these events that goes to the caller. */
  #taken(events: string): string {
    if (events === "") return ""
    const { wire } = this.#call.route
    const out: Array<string> = []
    for (let at = 0; at < events.length && !this.#isOver && this.#error === undefined;) {
      // What comes before real output is read all of it.
      const isOrdinary = this.#mustCommit() && !this.#choices.areSeveral
      const notable = isOrdinary ? nextNotable(wire, events, at) : at
      const start = notable < 0 ? events.length : startOfEvent(events, notable, at)
      if (start > at) this.#relay(events.slice(at, start), out)
      at = notable < 0 ? start : endOfEvent(events, start)
      if (at > start) this.#read(events.slice(start, at), out)
    }
    return out.length === 1 ? (out[0] ?? "") : out.join("")
  }

  /** Ordinary events. */
  #relay(events: string, out: Array<string>): void {
    this.#call.characters += events.length * this.#share
    this.#names.addAll(events, out)
  }

  #read(event: string, out: Array<string>): void {
    if (isNoise(event)) return void out.push(event)
    this.#heldEvents += 1
    const said = streamEvent(this.#call.route.wire, event)
    const wasComplete = this.isComplete
    if (said.error !== undefined) {
      if (wasComplete) this.#isOver = true
      else [this.#error, this.#errorEvent] = [said.error, event]
      return
    }
    this.#call.note(said.usage)
    if (said.isOutput) this.#count(event.length, said.json)
    this.#choices.note(said)
    this.#isOver = said.isEnd
    const { isUsageAlone } = said
    const isHidden = isUsageAlone === "always" || (isUsageAlone === "after the finish" && wasComplete)
    if (!this.#hidesUsage || !isHidden) this.#names.add(event, out)
  }

  #count(length: number, json: StreamEvent["json"]): void {
    if (!this.#hasOutput && json !== undefined) this.#share = outputCharacters(json) / length
    this.#hasOutput = true
    this.#call.characters += length * this.#share
  }

  #passOn(events: string): Verdict | undefined {
    let out = events
    if (!this.isCommitted) {
      this.#held += events
      if (this.#error !== undefined || !this.#mustCommit()) return this.#failedInside()
      if (this.#isOver && !this.#hasOutput) return this.fail(failed("empty_answer"))
      out = this.#commit()
    }
    if (this.#isOver) {
      this.#body.end(out)
      return served
    }
    if (out !== "") this.#body.write(out)
    return this.#failedInside()
  }

  #mustCommit(): boolean {
    return (
      this.isCommitted ||
      this.#hasOutput ||
      this.#isOver ||
      this.#heldEvents >= MOST_EVENTS ||
      performance.now() - this.#since >= HELD_FOR ||
      this.#held.length + this.#events.held >= MOST_BYTES
    )
  }

  #commit(): string {
    const held = this.#held
    const call = this.#call
    this.isCommitted = true
    this.#held = ""
    this.#lease.accepted()
    call.hasOutput = true
    call.firstOutputAt = performance.now()
    const headers = call.answerHeaders(this.#headers, "text/event-stream")
    headers.push("cache-control", "no-cache", "x-accel-buffering", "no")
    this.#body.begin(headers)
    // An event that has not come to its end yet.
    if (held === "") call.response.flushHeaders()
    return held
  }

  #failedInside(): Verdict | undefined {
    if (this.#error === undefined) return undefined
    const error = this.#error
    const request = requestOf(this.#call, this.#lease)
    const judgement = judgeError(error, this.#errorEvent, this.#headers, request)
    const verdict = this.fail(judgement)
    if (verdict.kind !== "refused") return verdict
    const text = [error.code, error.param, error.message].join(" ")
    return refusedWithOptions(
      { status: statusOfError(error), text, usageAskedIn: this.#usageAskedIn },
      judgement,
    )
  }
}
