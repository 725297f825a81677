import { randomUUID } from "node:crypto"
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http"
import type { UsageRecord } from "../../../domain/Usage.ts"
import { answerError } from "./answers.ts"
import type { ApiError } from "./apiErrors.ts"
import type { CallBody } from "./CallBody.ts"
import type { Caller } from "../../../gateway/metering/Caller.ts"
import { headersForClient } from "./forwarded.ts"
import type { ProxyRoute } from "./proxyRoutes.ts"
import type { Lease } from "../../../gateway/routing/Route.ts"
import { type TokenUsage, usageOf } from "./tokenUsage.ts"

/** A request of a caller, from its arrival to its end. */
export class Call {
  readonly id = randomUUID()
  readonly since = performance.now()
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly route: ProxyRoute
  readonly caller: Caller
  /** Once it has been read. */
  body: CallBody | undefined
  /** The backend that answers, or is asked just now. */
  lease: Lease | undefined
  readonly failures: Array<UsageRecord["failures"][number]> = []
  /** The refusal of a backend, told where no other serves the request. */
  refusal: { readonly told: ApiError; readonly error: string } | undefined
  usage: TokenUsage | undefined
  firstOutputAt: number | undefined
  /** Something was put out: then the provider counts tokens, whether it tells them or not. */
  hasOutput = false
  /** Of what was put out. */
  characters = 0
  isGone = false
  isRecorded = false
  /** Told when the client goes away. */
  onGone: (() => void) | undefined
  #gone: AbortController | undefined

  constructor(request: IncomingMessage, response: ServerResponse, route: ProxyRoute, caller: Caller) {
    this.request = request
    this.response = response
    this.route = route
    this.caller = caller
    response.on("close", () => {
      if (!response.writableFinished) this.#leave()
    })
  }

  /** Aborted when the client goes away; made when somebody asks for it. */
  get signal(): AbortSignal {
    this.#gone ??= new AbortController()
    if (this.isGone) this.#gone.abort()
    return this.#gone.signal
  }

  get traceparent(): string | undefined {
    const { traceparent } = this.request.headers
    return typeof traceparent === "string" ? traceparent : undefined
  }

  /** Takes note of a `usage` object; anything else is none. */
  note(usage: unknown): void {
    this.usage = usageOf(this.route.dialect, usage, this.usage) ?? this.usage
  }

  /** Forgets what was told by a backend that does not serve after all. */
  forget(): void {
    this.usage = undefined
    this.characters = 0
  }

  refuse(error: ApiError): void {
    answerError(this.response, this.route.dialect, error, this.id)
  }

  /** Names and values in turn: what of a backend's headers the caller may see, and who it was, for admins. */
  answerHeaders(headers: IncomingHttpHeaders, contentType: string): Array<string> {
    const ours = ["content-type", contentType, "x-request-id", this.id]
    if (this.route.dialect === "anthropic") ours.push("request-id", this.id)
    if (this.caller.member?.role === "admin" && this.lease !== undefined) {
      const { mapping, route } = this.lease
      ours.push("x-crewlog-backend", route.backend.id, "x-crewlog-attempts", String(this.failures.length + 1))
      ours.push("x-crewlog-model", encodeURI(mapping.native_id))
    }
    return headersForClient(headers, ours)
  }

  #leave(): void {
    this.isGone = true
    this.#gone?.abort()
    this.onGone?.()
  }
}
