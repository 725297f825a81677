import { randomUUID } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"
import { answerError } from "./answers.ts"
import type { ApiError } from "./apiErrors.ts"
import { Call } from "./Call.ts"
import { refusalOfHeaders } from "./CallBody.ts"
import { answerModels, dialectOf } from "./models.ts"
import type { ProxyParts } from "./proxyParts.ts"
import { methodNotAllowed, refusalOfCaller, tooLarge, tooSlow, unexpected } from "./proxyRefusals.ts"
import { noWebSocket, refusalOfPath } from "./routeHints.ts"
import { type ProxyRoute, proxyRoutes } from "./proxyRoutes.ts"
import { readBytes } from "./readBytes.ts"
import { Serving } from "./Serving.ts"
import { watchUpload } from "./uploads.ts"
import { turn } from "./Turn.ts"

const MODELS = "/v1/models"

const isWebSocket = ({ headers, method }: IncomingMessage) =>
  method === "GET" && headers.upgrade?.toLowerCase() === "websocket"

/** The entrance of requests to providers: which route, who asks, what for. */
export class ProviderProxy {
  readonly #parts: ProxyParts
  readonly #serving: Serving

  constructor(parts: ProxyParts) {
    this.#parts = parts
    this.#serving = new Serving(parts)
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
    this.#serving.destroy()
  }

  #route(request: IncomingMessage, response: ServerResponse): void {
    const { method = "", url = "" } = request
    const mark = url.indexOf("?")
    const path = mark < 0 ? url : url.slice(0, mark)
    const route = proxyRoutes.get(path)
    if (route !== undefined) {
      if (isWebSocket(request) && route.path === "responses") {
        return answerError(response, route.dialect, noWebSocket, randomUUID())
      }
      if (method === "POST") return this.#admit(request, response, route)
      return answerError(response, route.dialect, methodNotAllowed("POST"), randomUUID())
    }
    if (path === MODELS || (path.startsWith(`${MODELS}/`) && path.length > MODELS.length + 1)) {
      return this.#models(request, response, path.slice(MODELS.length))
    }
    const dialect = /(?<!chat\/completions\/[^/]+)\/messages(?:\/|$)/.test(path)
      ? "anthropic"
      : dialectOf(request)
    answerError(response, dialect, refusalOfPath(method, path, dialect), randomUUID())
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
      watchUpload(request, () => request.destroy())
      return answerError(response, route.dialect, refusalOfCaller(caller), randomUUID())
    }
    const call = new Call(request, response, route, caller)
    const refusal = refusalOfHeaders(request.headers)
    if (refusal !== undefined) {
      watchUpload(request, () => request.destroy())
      return this.#serving.refuse(call, refusal)
    }
    readBytes(request, this.#parts.bodyLimit, (bytes) => turn.add(() => this.#take(call, bytes)))
  }

  #take(call: Call, bytes: Buffer | "too_large" | "too_slow" | "cut_off"): void {
    if (bytes === "cut_off") return this.#serving.leave(call)
    if (bytes === "too_slow") return this.#serving.refuse(call, tooSlow)
    if (bytes === "too_large") return this.#serving.refuse(call, tooLarge(this.#parts.bodyLimit))
    this.#serving.serve(call, bytes).catch((error: unknown) => {
      this.#parts.onDefect(error)
      call.lease?.settle({ kind: "failed", error: "internal_error" })
      this.#serving.tell(call, unexpected)
    })
  }
}
