import { Context, Effect, Layer, Result } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiSchemaError } from "effect/http-api/HttpApiError"
import { hash, randomUUID, timingSafeEqual } from "node:crypto"
import { Heartbeats } from "../../commands/Heartbeats.ts"
import { Limits } from "../../commands/Limits.ts"
import { Tokens } from "../../commands/Tokens.ts"
import { Projected } from "../../projections/Projected.ts"
import { Roster, type RosterMember } from "../../projections/Roster.ts"
import { MemberIsDisabled, NotAuthenticated } from "../EdgeRefusal.ts"
import { Gate } from "./Api.ts"
import { askedBy, Exchange } from "./Exchange.ts"
import { misfit, refuseAt } from "./problems.ts"
import { type JsonBody, readBody } from "./readBody.ts"
import { RequestId } from "./RequestId.ts"

type Request = HttpServerRequest.HttpServerRequest

const BEARER = /^Bearer +(\S{1,512}) *$/i

/** Tells one request from another under the same key: what is asked, not how it is written. */
const fingerprintOf = (method: string, url: string, { canonical }: JsonBody) => {
  const mark = url.indexOf("?")
  const path = mark < 0 ? url : url.slice(0, mark)
  const query = mark < 0 ? "" : sortedQuery(url.slice(mark + 1))
  return hash("sha256", `${method}\n${path}\n${query}\n${canonical}`).slice(0, 16)
}

const sortedQuery = (query: string) => {
  const params = new URLSearchParams(query)
  params.sort()
  return params.toString()
}

const actorOf = ({ name, role, slug, type }: RosterMember) => ({ name, role, slug, type })

/** Stands before every route of the API: token, limits, signs of life, headers, body, in this order. */
export const GateLayer = Layer.effect(
  Gate,
  Effect.gen(function* () {
    const heartbeats = yield* Heartbeats
    const limits = yield* Limits
    const projected = yield* Projected
    const roster = yield* Roster
    const tokens = yield* Tokens

    const authenticate = ({
      headers,
    }: Request): Result.Result<RosterMember, NotAuthenticated | MemberIsDisabled> => {
      const token = BEARER.exec(headers.authorization ?? "")?.[1]
      if (token === undefined)
        return Result.fail(new NotAuthenticated({ sent: headers.authorization !== undefined }))
      const hashed = tokens.hash(token)
      const member = roster.byToken(hashed)
      if (member === undefined || !timingSafeEqual(Buffer.from(member.token_hash), Buffer.from(hashed))) {
        return Result.fail(new NotAuthenticated({ sent: true }))
      }
      return member.is_enabled ? Result.succeed(member) : Result.fail(new MemberIsDisabled())
    }

    const exchange = Effect.fnUntraced(function* (request: Request, member: RosterMember, requestId: string) {
      const { headers, method, url } = request
      const isCommand = method !== "GET" && method !== "HEAD"
      const { key, ...asked } = yield* Effect.fromResult(askedBy(headers))
      if (isCommand) yield* limits.mayStore(member.id)
      const body = isCommand ? yield* readBody(request) : { bytes: 0, value: undefined, canonical: "" }
      const envelope = {
        actor: actorOf(member),
        commandId: key === undefined ? `:${isCommand ? randomUUID() : ""}` : `${member.slug}:${key}`,
        fingerprint: isCommand ? fingerprintOf(method, url, body) : "",
        correlation: requestId,
        causation: null,
        ifMatch: asked.ifMatch?.[0],
      }
      return Exchange.of({ member, url, envelope, ...asked, bytes: body.bytes })
    })

    const admit = Effect.fnUntraced(function* (request: Request, requestId: string) {
      const member = yield* Effect.fromResult(authenticate(request))
      yield* limits.admit(member.id)
      yield* heartbeats.seen(member)
      return yield* exchange(request, member, requestId)
    })

    const refuse = refuseAt(projected)

    return Gate.of((route) =>
      Effect.withFiber((fiber) => {
        const { context } = fiber
        const request = Context.getUnsafe(context, HttpServerRequest.HttpServerRequest)
        return admit(request, fiber.getRef(RequestId)).pipe(
          Effect.matchEffect({
            onFailure: refuse,
            onSuccess: (exchange) =>
              Effect.provideService(route, Exchange, exchange).pipe(
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
