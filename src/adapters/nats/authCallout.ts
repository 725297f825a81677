import { decode, encodeAuthorizationResponse, encodeUser } from "@nats-io/jwt"
import type { Msg } from "@nats-io/nats-core"
import { fromPublic } from "@nats-io/nkeys"
import { Effect, FiberSet, Redacted, Schema } from "effect"
import { Tokens } from "../../commands/Tokens.ts"
import { Roster } from "../../projections/Roster.ts"
import { AGENTS, permissionsOf, userOf } from "./agentAccount.ts"
import { Nats } from "./Connection.ts"
import { issuerOf } from "./issuer.ts"

const SUBJECT = "$SYS.REQ.USER.AUTH"
/** A member may have been let in on another node a moment ago; it slows down who tries tokens, too. */
const LOOK_AGAIN_AFTER = "200 millis"

/** The login that nats-server asks about, as far as it matters; the token comes as one, or as the password of any user. */
const Login = Schema.Struct({
  nats: Schema.Struct({
    server_id: Schema.Struct({ id: Schema.String }),
    user_nkey: Schema.String,
    connect_opts: Schema.Struct({
      auth_token: Schema.optionalKey(Schema.String),
      pass: Schema.optionalKey(Schema.String),
    }),
  }),
})
const read = Schema.decodeUnknownSync(Login)

/**
 * Answers nats-server's question who may log in to the agents' account, as what, until the scope ends: who
 * holds the token of an enabled member, as that member. Any number of nodes share the questions.
 */
export const authCallout = Effect.fn("nats.authCallout")(function* (issuerSeed: Redacted.Redacted) {
  const { connection } = yield* Nats
  const roster = yield* Roster
  const tokens = yield* Tokens
  const run = yield* FiberSet.makeRuntime()
  const issuer = issuerOf(Redacted.value(issuerSeed))

  const memberOf = (token: string) => {
    const member = roster.byToken(tokens.hash(token))
    return member?.is_enabled === true ? member : undefined
  }

  const answer = Effect.fnUntraced(function* (message: Msg) {
    const { connect_opts, server_id, user_nkey } = read(decode(message.string())).nats
    const token = connect_opts.auth_token ?? connect_opts.pass
    const member =
      token === undefined
        ? undefined
        : (memberOf(token) ??
          (yield* Effect.delay(
            Effect.sync(() => memberOf(token)),
            LOOK_AGAIN_AFTER,
          )))
    const user = fromPublic(user_nkey)
    const verdict =
      member === undefined
        ? { error: "not the token of a member, or of one that is disabled" }
        : yield* Effect.promise(async () => ({
            jwt: await encodeUser(userOf(member), user, issuer, permissionsOf(member.slug), { aud: AGENTS }),
          }))
    const signed = yield* Effect.promise(() =>
      encodeAuthorizationResponse(user, fromPublic(server_id.id), issuer, verdict, {}),
    )
    message.respond(signed)
  })

  yield* Effect.acquireRelease(
    Effect.sync(() =>
      connection.subscribe(SUBJECT, {
        queue: "crewlog",
        callback: (error, message) => {
          if (error !== null) return
          run(
            Effect.catchCause(answer(message), (cause) =>
              Effect.logWarning("a login is not answered", cause),
            ),
          )
        },
      }),
    ),
    (subscription) => Effect.sync(() => subscription.unsubscribe()),
  )
  yield* Effect.logInfo(`agents can log in to NATS; the issuer of auth_callout is ${issuer.getPublicKey()}`)
})
