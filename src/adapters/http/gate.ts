import { Context, Effect, Layer } from "effect"
import { Headers, HttpServerRequest } from "effect/http"
import { HttpApiMiddleware } from "effect/http-api"
import { HttpApiSchemaError } from "effect/http-api/HttpApiError"
import { hash } from "node:crypto"
import { actorOf, askedBy } from "../../operations/Asked.ts"
import { Entrance } from "../../operations/Entrance.ts"
import { canonical } from "../../operations/fingerprint.ts"
import { type AnyOperation, operations } from "../../operations/operations.ts"
import { Projected } from "../../projections/Projected.ts"
import type { RosterMember } from "../../projections/Roster.ts"
import { Exchange } from "./Exchange.ts"
import { misfit, refuseAt } from "./problems.ts"
import { readBody } from "./readBody.ts"
import { RequestId } from "./RequestId.ts"

/** Caller, rate and headers of a request: stands before every operation. */
export class Gate extends HttpApiMiddleware.Service<Gate, { provides: Exchange }>()(
  "crewlog/adapters/http/Gate",
) {}

type Request = HttpServerRequest.HttpServerRequest

const BEARER = /^Bearer +(\S{1,512}) *$/i
const byName = new Map(operations.map((row) => [row.name, row]))

/** The fingerprint that REST took in Crewlog 0.1: of what was written, not of what it meant. */
const olderFingerprint = (method: string, url: string, sent: unknown) => {
  const mark = url.indexOf("?")
  const path = mark < 0 ? url : url.slice(0, mark)
  const params = new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1))
  params.sort()
  const body = sent === undefined ? "" : canonical(sent)
  return hash("sha256", `${method}\n${path}\n${params.toString()}\n${body}`).slice(0, 16)
}

/** The request as its route sees it: without a body it has no type of one either, whatever the client wrote. */
const seenBy = (request: Request, { sent }: Exchange["Service"]): Request =>
  sent === undefined && request.headers["content-type"] !== undefined
    ? request.modify({ headers: Headers.remove(request.headers, "content-type") })
    : request

/** Stands before every operation: token, limits, signs of life, rights that need no input, headers, body, in this order. */
export const GateLayer = Layer.effect(
  Gate,
  Effect.gen(function* () {
    const entrance = yield* Entrance
    const projected = yield* Projected
    const refuse = refuseAt(projected)

    const exchange = Effect.fnUntraced(function* (
      request: Request,
      member: RosterMember,
      correlation: string,
    ) {
      const { headers, method, url } = request
      const isCommand = method !== "GET" && method !== "HEAD"
      const asked = yield* Effect.fromResult(askedBy(headers))
      if (isCommand) yield* entrance.mayStore(member)
      const { bytes, value: sent } = isCommand ? yield* readBody(request) : { bytes: 0, value: undefined }
      // A body may take its time: the token and the rights are those of now.
      const now = isCommand ? yield* Effect.fromResult(entrance.byTokenHash(member.token_hash)) : member
      return Exchange.of({
        asked: {
          member: now,
          ...asked,
          correlation,
          source: "",
          bytes,
          olderFingerprint: () => olderFingerprint(method, url, sent),
        },
        url,
        ifNoneMatch: headers["if-none-match"],
        sent,
      })
    })

    const admit = Effect.fnUntraced(function* (request: Request, row: AnyOperation | undefined, id: string) {
      const { authorization } = request.headers
      const token = BEARER.exec(authorization ?? "")?.[1]
      const member = yield* Effect.fromResult(
        entrance.byToken(token ?? (authorization === undefined ? undefined : "")),
      )
      yield* entrance.admit(member)
      const refusal = row?.may.beforehand?.(actorOf(member))
      if (refusal !== undefined) return yield* refusal
      return yield* exchange(request, member, id)
    })

    return Gate.of((route, { endpoint }) =>
      Effect.withFiber((fiber) => {
        const request = Context.getUnsafe(fiber.context, HttpServerRequest.HttpServerRequest)
        return admit(request, byName.get(endpoint.identifier), fiber.getRef(RequestId)).pipe(
          Effect.matchEffect({
            onFailure: refuse,
            onSuccess: (exchange) =>
              Effect.provideService(route, Exchange, exchange).pipe(
                Effect.provideService(HttpServerRequest.HttpServerRequest, seenBy(request, exchange)),
                Effect.catch((error) =>
                  HttpApiSchemaError.is(error) ? refuse(misfit(error)) : Effect.fail(error),
                ),
              ),
          }),
        )
      }),
    )
  }),
)
