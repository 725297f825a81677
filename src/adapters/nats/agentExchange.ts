import type { Msg, MsgHdrs } from "@nats-io/nats-core"
import { Effect, Option, Result, Schedule, Schema } from "effect"
import { Headers } from "effect/http"
import { createHash, randomUUID } from "node:crypto"
import type { Roster, RosterMember } from "../../projections/Roster.ts"
import { BodyTooLarge, MemberIsDisabled, NotAuthenticated } from "../EdgeRefusal.ts"
import { askedBy, Exchange, requestIdOf } from "../http/Exchange.ts"
import { type JsonBody, LARGEST, readJson } from "../http/readBody.ts"
import { userOf } from "./agentAccount.ts"
import type { CommandName } from "./agentCommands.ts"

/** Which connection a message came through. The server itself writes it, over whatever the client wrote. */
const ORIGIN = "Nats-Request-Info"
const decodeOrigin = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ user: Schema.String })))

const originOf = (headers: MsgHdrs | undefined) => {
  const [origin, ...more] = headers?.values(ORIGIN) ?? []
  return more.length === 0 ? Option.getOrUndefined(decodeOrigin(origin))?.user : undefined
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
export const authenticate = (roster: Roster["Service"], message: Msg) =>
  Effect.suspend(() => Effect.fromResult(callerOf(roster, message))).pipe(
    Effect.retry({ schedule: A_MOMENT, while: ({ _tag }) => _tag === "NotAuthenticated" }),
  )

/** A message's headers under the names that REST has for them. */
export const headersOf = (headers: MsgHdrs | undefined): Headers.Headers => {
  const all = (headers?.keys() ?? []).map((name) => [name, headers?.get(name) ?? ""] as const)
  const { "crew-command": command, "nats-msg-id": id, ...rest } = Headers.fromInput(all)
  const key = command ?? id
  return Headers.fromInput(key === undefined ? rest : { ...rest, "idempotency-key": key })
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
      fingerprint: createHash("sha256").update(`${name}\n${canonical}`).digest("hex").slice(0, 16),
      correlation: requestIdOf(headers) ?? randomUUID(),
      causation: null,
      ifMatch: asked.ifMatch?.[0],
    },
    ...asked,
    bytes,
  })
})
