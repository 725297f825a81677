import type { GatewayOptions } from "../../../domain/Gateway.ts"
import type { UsageRecord } from "../../../domain/Usage.ts"
import type { ApiError } from "./apiErrors.ts"
import { Attempt } from "./Attempt.ts"
import type { Call } from "./Call.ts"
import { CallBody } from "./CallBody.ts"
import { recordOf } from "./callRecord.ts"
import { failed, type Judgement } from "./judge.ts"
import { isMapped, onAnotherWire, wiresOf } from "./models.ts"
import type { ProxyParts } from "./proxyParts.ts"
import { refusalOfLimit, refusalOfNoLease } from "./proxyRefusals.ts"
import type { Journey, Lease, NoLease, Outcome } from "../../../gateway/routing/Route.ts"
import { StreamOptions } from "./streamOptions.ts"
import type { TimeOutMillis } from "./TimeOuts.ts"
import { timeOutText } from "./timeOutTexts.ts"
import { Upstreams } from "./Upstreams.ts"
import { refused, type Verdict } from "./verdicts.ts"

/** The times that one try at a backend may take. */
const timeOutsOf = (options: GatewayOptions, { route }: Lease, isStream: boolean): TimeOutMillis => {
  const total = route.backend.timeout_seconds * 1000
  return {
    connect: options.connect_timeout_seconds * 1000,
    // A whole answer begins when it is complete.
    firstByte: isStream ? options.first_byte_timeout_seconds * 1000 : total,
    idle: options.idle_timeout_seconds * 1000,
    total,
    stream: Math.max(options.stream_timeout_seconds * 1000, total),
  }
}

/** The outcome, with what tells this request apart where that matters. */
const outcomeOf = ({ body }: Call, outcome: Outcome): Outcome =>
  outcome.kind === "key_fault" && body !== undefined ? { ...outcome, request: body.digest } : outcome

/** A refusal that says that the last try ran out of time, where it did. */
const withTimeOut = (refusal: ApiError, error: string): ApiError => {
  const timeOut = timeOutText(error)
  return timeOut === undefined
    ? refusal
    : { ...refusal, message: `${refusal.message} The last one that was asked had ${timeOut}.` }
}

/** A request's way from its body to its end: limits, backends in turn, and the one record of what came of it. */
export class Serving {
  readonly #parts: ProxyParts
  readonly #upstreams: Upstreams
  readonly #streamOptions = new StreamOptions()

  constructor(parts: ProxyParts) {
    this.#parts = parts
    this.#upstreams = new Upstreams(parts.privateUpstreams)
  }

  /** Ends all connections to providers. */
  destroy(): void {
    this.#upstreams.destroy()
  }

  async serve(call: Call, bytes: Buffer): Promise<void> {
    const body = CallBody.of(bytes, call.route)
    if (!(body instanceof CallBody)) return this.refuse(call, body)
    call.body = body
    const limit = this.#parts.callers.allow(call.caller)
    if (limit !== undefined) return this.refuse(call, refusalOfLimit(limit))
    const { apis } = call.route
    const journey = this.#parts.router.begin({ model: body.model, apis, client: call })
    for (;;) {
      const next = journey.next()
      const lease = next instanceof Promise ? await next : next
      if ("kind" in lease) return this.#noLease(call, lease, journey)
      call.lease = lease
      const verdict = call.isGone ? ({ kind: "gone" } as const) : await this.#ask(call, body, lease)
      if (this.#isOver(call, lease, verdict)) return
    }
  }

  /** A request that was sent nowhere. */
  refuse(call: Call, error: ApiError): void {
    call.refuse(error)
    this.#end(call, "refused", error.code)
  }

  /** A request that failed. */
  tell(call: Call, error: ApiError, word: string | null = error.code): void {
    call.refuse(error)
    this.#end(call, "error", word)
  }

  /** A request that nobody waits for any more. */
  leave(call: Call): void {
    this.#end(call, "aborted", "client_gone")
  }

  /** True if the request has come to its end with this backend. */
  #isOver(call: Call, lease: Lease, verdict: Verdict): boolean {
    switch (verdict.kind) {
      case "served":
        lease.settle({ kind: "ok" })
        this.#end(call, "ok", null)
        return true
      case "gone":
        lease.settle({ kind: "aborted" })
        this.leave(call)
        return true
      case "broken":
        lease.settle(outcomeOf(call, verdict.judgement.outcome))
        this.#end(call, "error", verdict.judgement.error)
        return true
      case "no_stream_options":
        return this.#isRefused(call, lease, verdict.judgement)
      case "refused":
        return this.#isRefused(call, lease, verdict.judgement)
    }
  }

  #isRefused(call: Call, lease: Lease, { error, otherwise, outcome, told }: Judgement): boolean {
    lease.settle(outcomeOf(call, outcome))
    if (told !== undefined) {
      this.tell(call, told, error)
      return true
    }
    if (otherwise !== undefined) call.refusal ??= { told: otherwise, error }
    call.lease = undefined
    call.failures.push({ backend: lease.route.backend.id, lane: lease.lane, error })
    return false
  }

  #ask(call: Call, body: CallBody, lease: Lease): Verdict | Promise<Verdict> {
    const { backend, key } = lease.route
    const upstream = this.#upstreams.at(backend.api_base_url)
    if (upstream === undefined) return refused(failed("address_refused"))
    if (key === undefined) return refused(failed("key_not_known"))
    const timeOuts = timeOutsOf(this.#parts.options(), lease, body.isStream)
    const attempt = (hasAskedUsage: boolean) => {
      const bytes = body.forBackend(lease.mapping, hasAskedUsage)
      return Attempt.run({ call, lease, upstream, body: bytes, hasAskedUsage, timeOuts })
    }
    const asksUsage = this.#asksUsage(call, body, lease)
    const first = attempt(asksUsage)
    const again = () => (call.isGone ? Promise.resolve({ kind: "gone" } as const) : attempt(false))
    return asksUsage ? this.#orWithoutOptions(first, lease, again) : first
  }

  /** A backend that does not take `stream_options` is asked again without them, and not with them any more. */
  async #orWithoutOptions(
    first: Promise<Verdict>,
    { route: { backend } }: Lease,
    again: () => Promise<Verdict>,
  ): Promise<Verdict> {
    const verdict = await first
    const options = this.#streamOptions
    if (verdict.kind !== "no_stream_options") {
      if (verdict.kind === "served") options.noteTaken(backend)
      return verdict
    }
    if (verdict.isGuessed && options.isTakenBy(backend)) return refused(verdict.judgement)
    const second = await again()
    // Others fail either way: only a request that is served without them shows that it was about them.
    if (second.kind === "served" || second.kind === "broken") options.noteRefused(backend)
    return second
  }

  /** True if the usage of the stream is to be asked for, though the caller did not. */
  #asksUsage({ route }: Call, body: CallBody, lease: Lease): boolean {
    if (!route.hasStreamOptions || !body.isStream || body.wantsUsage) return false
    return (
      lease.mapping.compat["supportsUsageInStreaming"] !== false &&
      !this.#streamOptions.isRefusedBy(lease.route.backend)
    )
  }

  #noLease(call: Call, noLease: NoLease, journey: Journey): void {
    const refusal = this.#refusalOf(call, noLease)
    if (refusal === undefined) return this.leave(call)
    if (call.refusal !== undefined && journey.isTried()) {
      return this.tell(call, call.refusal.told, call.refusal.error)
    }
    const last = call.failures.at(-1)
    if (last !== undefined) return this.tell(call, withTimeOut(refusal, last.error))
    this.refuse(call, refusal)
  }

  #refusalOf({ body, route }: Call, noLease: NoLease): ApiError | undefined {
    const model = body?.model ?? ""
    const wires = noLease.kind === "unknown_model" ? wiresOf(this.#parts.backends(), model) : []
    return wires.length === 0 ? refusalOfNoLease(noLease, model) : onAnotherWire(model, route.path, wires)
  }

  #end(call: Call, outcome: UsageRecord["outcome"], error: string | null): void {
    if (call.isRecorded) return
    call.isRecorded = true
    const model = call.body?.model
    const isKnown = model !== undefined && (outcome === "ok" || isMapped(this.#parts.backends(), model))
    const { catalogue, meter } = this.#parts
    meter.record(recordOf(call, { outcome, error, isMapped: isKnown, catalogue }), call.traceparent)
  }
}
