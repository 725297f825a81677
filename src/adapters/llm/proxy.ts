import { randomUUID } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { GatewayOptions } from "../../domain/Gateway.ts"
import type { UsageRecord } from "../../domain/Usage.ts"
import { answerError } from "./answers.ts"
import type { ApiError } from "./apiErrors.ts"
import { Attempt } from "./Attempt.ts"
import { Call } from "./Call.ts"
import { CallBody, refusalOfHeaders } from "./CallBody.ts"
import { recordOf } from "./callRecord.ts"
import { failed, type Judgement } from "./judge.ts"
import { answerModels, dialectOf, isMapped } from "./models.ts"
import type { ProxyParts } from "./proxyParts.ts"
import {
  methodNotAllowed,
  refusalOfCaller,
  refusalOfLimit,
  refusalOfNoLease,
  routeNotFound,
  tooLarge,
  unexpected,
} from "./proxyRefusals.ts"
import { type ProxyRoute, proxyRoutes } from "./proxyRoutes.ts"
import { readBytes } from "./readBytes.ts"
import type { Lease, NoLease } from "./Route.ts"
import type { TimeOutMillis } from "./TimeOuts.ts"
import { Upstreams } from "./Upstreams.ts"
import { refused, type Verdict } from "./verdicts.ts"

/** A stream that goes on putting out may take so many times as long as a whole answer. */
const STREAM_TIMES = 10

/** The times that one try at a backend may take. */
const timeOutsOf = (options: GatewayOptions, { route }: Lease, isStream: boolean): TimeOutMillis => {
  const total = route.backend.timeout_seconds * 1000
  return {
    connect: options.connect_timeout_seconds * 1000,
    // A whole answer begins when it is complete.
    firstByte: isStream ? options.first_byte_timeout_seconds * 1000 : total,
    idle: options.idle_timeout_seconds * 1000,
    total,
    stream: Math.max(options.request_timeout_seconds * 1000, total) * STREAM_TIMES,
  }
}

/** The way of a request through the gateway: who asks, what for, which backend, what came of it. */
export class Proxy {
  readonly #parts: ProxyParts
  readonly #upstreams: Upstreams
  /** Backends and models that were found not to know `stream_options`. */
  readonly #withoutStreamOptions = new Set<string>()

  constructor(parts: ProxyParts) {
    this.#parts = parts
    this.#upstreams = new Upstreams(parts.privateUpstreams)
  }

  /** Takes a request over; never throws. */
  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    try {
      this.#route(request, response)
    } catch (error) {
      this.#parts.onDefect(error)
      answerError(response, "openai", unexpected, randomUUID())
    }
  }

  /** Ends all connections to providers. */
  destroy(): void {
    this.#upstreams.destroy()
  }

  #route(request: IncomingMessage, response: ServerResponse): void {
    const { method, url = "" } = request
    const mark = url.indexOf("?")
    const path = mark < 0 ? url : url.slice(0, mark)
    const route = proxyRoutes.get(path)
    if (route !== undefined) {
      if (method === "POST") return this.#admit(request, response, route)
      return answerError(response, route.dialect, methodNotAllowed("POST"), randomUUID())
    }
    if (path === MODELS || (path.startsWith(`${MODELS}/`) && path.length > MODELS.length + 1)) {
      return this.#models(request, response, path.slice(MODELS.length))
    }
    answerError(response, dialectOf(request), routeNotFound, randomUUID())
  }

  #models(request: IncomingMessage, response: ServerResponse, rest: string): void {
    const dialect = dialectOf(request)
    const requestId = randomUUID()
    const refuse = (error: ApiError) => answerError(response, dialect, error, requestId)
    if (request.method !== "GET" && request.method !== "HEAD") return refuse(methodNotAllowed("GET, HEAD"))
    const caller = this.#parts.callers.admit(request.headers)
    if (caller.kind !== "caller") return refuse(refusalOfCaller(caller))
    answerModels({ backends: this.#parts.backends(), dialect, requestId }, rest, response)
  }

  #admit(request: IncomingMessage, response: ServerResponse, route: ProxyRoute): void {
    const caller = this.#parts.callers.admit(request.headers)
    if (caller.kind !== "caller") {
      return answerError(response, route.dialect, refusalOfCaller(caller), randomUUID())
    }
    const call = new Call(request, response, route, caller)
    const refusal = refusalOfHeaders(request.headers)
    if (refusal !== undefined) return this.#refuse(call, refusal)
    readBytes(request, this.#parts.bodyLimit, (bytes) => {
      if (bytes === "cut_off") return this.#end(call, "aborted", "client_gone")
      if (bytes === "too_large") return this.#refuse(call, tooLarge(this.#parts.bodyLimit))
      this.#serve(call, bytes).catch((error: unknown) => {
        this.#parts.onDefect(error)
        call.lease?.settle({ kind: "failed", error: "internal_error" })
        this.#tell(call, unexpected)
      })
    })
  }

  async #serve(call: Call, bytes: Buffer): Promise<void> {
    const body = CallBody.of(bytes, call.route)
    if (!(body instanceof CallBody)) return this.#refuse(call, body)
    call.body = body
    const limit = this.#parts.callers.allow(call.caller)
    if (limit !== undefined) return this.#refuse(call, refusalOfLimit(limit))
    const { apis } = call.route
    const journey = this.#parts.router.begin({ model: body.model, apis, signal: call.signal })
    for (;;) {
      const next = journey.next()
      const lease = next instanceof Promise ? await next : next
      if ("kind" in lease) return this.#noLease(call, lease)
      if (await this.#isOver(call, body, lease)) return
    }
  }

  /** One backend's turn; answers whether the request has come to its end with it. */
  async #isOver(call: Call, body: CallBody, lease: Lease): Promise<boolean> {
    call.lease = lease
    const verdict = call.isGone ? ({ kind: "gone" } as const) : await this.#ask(call, body, lease)
    switch (verdict.kind) {
      case "served":
        lease.settle({ kind: "ok" })
        this.#end(call, "ok", null)
        return true
      case "gone":
        lease.settle({ kind: "aborted" })
        this.#end(call, "aborted", "client_gone")
        return true
      case "broken":
        lease.settle(verdict.judgement.outcome)
        this.#end(call, "error", verdict.judgement.error)
        return true
      case "no_stream_options":
        return this.#isRefused(call, lease, failed("no_stream_options"))
      case "refused":
        return this.#isRefused(call, lease, verdict.judgement)
    }
  }

  #isRefused(call: Call, lease: Lease, { error, outcome, told }: Judgement): boolean {
    lease.settle(outcome)
    if (told !== undefined) {
      this.#tell(call, told, error)
      return true
    }
    call.failures.push({ backend: lease.route.backend.id, lane: lease.lane, error })
    call.lease = undefined
    return false
  }

  async #ask(call: Call, body: CallBody, lease: Lease): Promise<Verdict> {
    const { backend, key } = lease.route
    const upstream = this.#upstreams.at(backend.api_base_url)
    if (upstream === undefined) return refused(failed("address_refused"))
    if (key === undefined) return refused(failed("key_not_known"))
    const { native_id } = lease.mapping
    const timeOuts = timeOutsOf(this.#parts.options(), lease, body.isStream)
    const attempt = (hasAskedUsage: boolean) =>
      Attempt.run({
        call,
        lease,
        upstream,
        body: body.forBackend(native_id, hasAskedUsage),
        hasAskedUsage,
        timeOuts,
      })
    const verdict = await attempt(this.#asksUsage(call, body, lease))
    if (verdict.kind !== "no_stream_options") return verdict
    const second = await attempt(false)
    if (second.kind === "served") this.#withoutStreamOptions.add(`${backend.id} ${native_id}`)
    return second
  }

  /** Whether the usage of the stream is to be asked for, though the caller did not. */
  #asksUsage({ route }: Call, body: CallBody, lease: Lease): boolean {
    if (!route.hasStreamOptions || !body.isStream || body.wantsUsage) return false
    const { compat, native_id } = lease.mapping
    return (
      compat["supportsUsageInStreaming"] !== false &&
      !this.#withoutStreamOptions.has(`${lease.route.backend.id} ${native_id}`)
    )
  }

  #noLease(call: Call, noLease: NoLease): void {
    const { kind } = noLease
    call.lease = undefined
    const refusal = refusalOfNoLease(noLease, call.body?.model ?? "")
    if (refusal === undefined) return this.#end(call, "aborted", "client_gone")
    if (kind === "exhausted" && call.failures.length > 0) return this.#tell(call, refusal)
    this.#refuse(call, refusal)
  }

  /** A request that was sent nowhere. */
  #refuse(call: Call, error: ApiError): void {
    call.refuse(error)
    this.#end(call, "refused", error.code)
  }

  /** A request that was sent, and failed. */
  #tell(call: Call, error: ApiError, word: string | null = error.code): void {
    call.refuse(error)
    this.#end(call, "error", word)
  }

  #end(call: Call, outcome: UsageRecord["outcome"], error: string | null): void {
    if (call.isRecorded) return
    call.isRecorded = true
    const model = call.body?.model
    const known = model !== undefined && (outcome === "ok" || isMapped(this.#parts.backends(), model))
    const record = recordOf(call, { outcome, error, isMapped: known })
    this.#parts.meter.record(record, call.traceparent)
  }
}

const MODELS = "/v1/models"
