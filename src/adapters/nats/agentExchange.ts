import type { Msg, MsgHdrs } from "@nats-io/nats-core"
import { Effect, Result, Schedule, Schema } from "effect"
import { Headers } from "effect/http"
import { hash, randomUUID } from "node:crypto"
import type { Roster, RosterMember } from "../../projections/Roster.ts"
import { BodyTooLarge, MemberIsDisabled, NotAuthenticated } from "../EdgeRefusal.ts"
import { askedBy, Exchange, requestIdOf } from "../http/Exchange.ts"
import { type JsonBody, LARGEST, readJson } from "../http/readBody.ts"
import { userOf } from "./agentAccount.ts"
import type { CommandName } from "./agentCommands.ts"

/** Which connection a message came through. The server itself writes it, over whatever the client wrote. */
const ORIGIN = "Nats-Request-Info"
const isOrigin = Schema.is(Schema.Struct({ user: Schema.String }))

const originOf = (headers: MsgHdrs | undefined): string | undefined => {
  const [text = "", ...more] = headers?.values(ORIGIN) ?? []
  const origin = Result.getOrUndefined(Result.try(() => JSON.parse(text) as unknown))
  return more.length === 0 && isOrigin(origin) ? origin.user : undefined
}

/**
 * Who gives a command: whom the subject names, which the server let nobody else publish on, and only through
 * a connection that its token of now opened. Never what the payload says.
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

/** The member who gives a command. */
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
export const headersOf = (headers: MsgHdrs | undefined): Headers.Headers => {
  const all: Record<string, string> = {}
  for (const name of headers?.keys() ?? []) all[name.toLowerCase()] = headers?.get(name) ?? ""
  const key = all["crew-command"] ?? all["nats-msg-id"]
  return Headers.fromInput(key === undefined ? all : { ...all, "idempotency-key": key })
}

/** What a message holds, if it may be read. */
export const bodyOf = ({ data }: Msg) =>
  data.byteLength > LARGEST ? Effect.fail(new BodyTooLarge({ limit: LARGEST })) : readJson(data)

/** A command's surroundings, as the gate of REST makes them of a request. */
export const exchangeOf = Effect.fnUntraced(function* (
  name: CommandName,
  member: RosterMember,
  headers: Headers.Headers,
  { bytes, canonical }: JsonBody,
) {
  const { key, ...asked } = yield* Effect.fromResult(askedBy(headers))
  const { role, slug, type } = member
  return Exchange.of({
    member,
    url: "",
    envelope: {
      actor: { name: member.name, role, slug, type },
      commandId: key === undefined ? `:${randomUUID()}` : `${slug}:${key}`,
      fingerprint: hash("sha256", `${name}\n${canonical}`).slice(0, 16),
      correlation: requestIdOf(headers) ?? randomUUID(),
      causation: null,
      ifMatch: asked.ifMatch?.[0],
    },
    ...asked,
    bytes,
  })
})
