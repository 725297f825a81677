import type { Msg, MsgHdrs } from "@nats-io/nats-core"
import { Effect, Result, Schedule, Schema } from "effect"
import { hash, randomUUID } from "node:crypto"
import { type Asked, askedBy, type Headers, requestIdOf } from "../../operations/Asked.ts"
import { BodyTooLarge, MemberIsDisabled, NotAuthenticated } from "../../operations/EdgeRefusal.ts"
import { canonical } from "../../operations/fingerprint.ts"
import type { Roster, RosterMember } from "../../projections/Roster.ts"
import { type JsonBody, LARGEST, readJson } from "../http/readBody.ts"
import { userOf } from "./agentAccount.ts"

/** The connection that a message came through. The server itself writes it, over whatever the client wrote. */
const ORIGIN = "Nats-Request-Info"
const isOrigin = Schema.is(Schema.Struct({ user: Schema.String }))

const originOf = (headers: MsgHdrs | undefined): string | undefined => {
  const [text = "", ...more] = headers?.values(ORIGIN) ?? []
  const origin = Result.getOrUndefined(Result.try(() => JSON.parse(text) as unknown))
  return more.length === 0 && isOrigin(origin) ? origin.user : undefined
}

/**
 * The caller is the member whom the subject names, which the server let nobody else publish on, and only through
 * a connection that its token of now opened. The payload has no say.
 */
const callerOf = (
  roster: Roster["Service"],
  { headers, subject }: Msg,
): Result.Result<RosterMember, NotAuthenticated | MemberIsDisabled> => {
  const [, , slug = ""] = subject.split(".")
  const member = roster.bySlug(slug)
  if (member === undefined || originOf(headers) !== userOf(member)) {
    return Result.fail(new NotAuthenticated({ sent: true }))
  }
  return member.is_enabled ? Result.succeed(member) : Result.fail(new MemberIsDisabled())
}

/** Another node may have let the member in, with a token that this one hears of in a moment. */
const A_MOMENT = Schedule.spaced("50 millis").pipe(Schedule.upTo({ times: 4 }))

/** The member who asks. */
export const authenticate = (
  roster: Roster["Service"],
  message: Msg,
): Effect.Effect<RosterMember, NotAuthenticated | MemberIsDisabled> => {
  const look = Effect.suspend(() => Effect.fromResult(callerOf(roster, message)))
  return Effect.catchTag(look, "NotAuthenticated", () =>
    Effect.retry(look, { schedule: A_MOMENT, while: ({ _tag }) => _tag === "NotAuthenticated" }),
  )
}

/** A message's headers under the names that REST has for them. */
export const headersOf = (headers: MsgHdrs | undefined): Headers => {
  const all: Record<string, string> = {}
  for (const name of headers?.keys() ?? []) all[name.toLowerCase()] = headers?.get(name) ?? ""
  const key = all["crew-command"] ?? all["nats-msg-id"]
  return key === undefined ? all : { ...all, "idempotency-key": key }
}

const nothing: JsonBody = { bytes: 0, value: {} }

/** The payload of a message, if it may be read; a question without one asks without conditions. */
export const bodyOf = (kind: "command" | "question", { data }: Msg) => {
  if (kind === "question" && data.byteLength === 0) return Effect.succeed(nothing)
  return data.byteLength > LARGEST ? Effect.fail(new BodyTooLarge({ limit: LARGEST })) : readJson(data)
}

/** The connection of a call, as far as its inbox tells: a client makes one for each. */
export const sourceOf = ({ reply = "" }: Pick<Msg, "reply">): string =>
  reply.slice(0, reply.lastIndexOf(".") + 1)

/** The surroundings of a call, as the gate of REST makes them of a request. */
export const askedOf = Effect.fnUntraced(function* (
  name: string,
  member: RosterMember,
  headers: Headers,
  { bytes, value }: JsonBody,
  source: string,
) {
  const asked = yield* Effect.fromResult(askedBy(headers))
  return {
    member,
    ...asked,
    correlation: requestIdOf(headers) ?? randomUUID(),
    source,
    bytes,
    // Crewlog 0.1 took it of the payload as it was written.
    olderFingerprint: () => hash("sha256", `${name}\n${canonical(value)}`).slice(0, 16),
  } satisfies Asked
})
