import { connect } from "@nats-io/transport-node"
import { Effect, Redacted, Schedule, Schema } from "effect"
import { Tokens } from "../../commands/Tokens.ts"
import { firstAdmin } from "../../domain/Member.ts"
import { Roster } from "../../projections/Roster.ts"
import { AGENTS } from "./agentAccount.ts"

/** Milliseconds in which a server that asks us has let an agent in. */
const ANSWER_WITHIN = 5_000
/** Servers of a cluster may not have heard yet that somebody answers logins here. */
const AGAIN = Schedule.spaced("500 millis").pipe(Schedule.upTo({ times: 3 }))

class NotLetIn extends Schema.TaggedError<NotLetIn>()("NotLetIn", { reason: Schema.String }) {}

const login = (url: string, token: string) =>
  Effect.tryPromise({
    try: async () => {
      const connection = await connect({
        servers: url.split(","),
        ...(url.startsWith("tls:") ? { tls: {} } : {}),
        user: firstAdmin,
        pass: token,
        name: "crewlog-login-trial",
        inboxPrefix: `_INBOX_${firstAdmin}`,
        reconnect: false,
        timeout: ANSWER_WITHIN,
      })
      const account = (connection.info as { readonly remote_account?: string } | undefined)?.remote_account
      await connection.close()
      return account
    },
    catch: (cause) => new NotLetIn({ reason: cause instanceof Error ? cause.message : String(cause) }),
  }).pipe(
    Effect.filterOrFail(
      (account) => account === undefined || account === AGENTS,
      (account) => new NotLetIn({ reason: `it came to the account ${account}, not ${AGENTS}` }),
    ),
    Effect.retry(AGAIN),
  )

/**
 * Logs in once as an agent does, with the first admin's token where it is known here, and says yes or why not. The
 * start does not wait for it.
 */
export const loginTrial = Effect.fn("nats.loginTrial")(function* (url: string, token: Redacted.Redacted) {
  const roster = yield* Roster
  const tokens = yield* Tokens
  const text = Redacted.value(token)
  if (roster.byToken(tokens.hash(text))?.is_enabled !== true) {
    return yield* Effect.logInfo("no agent's login was tried: the admin's token is not known here")
  }
  yield* login(url, text).pipe(
    Effect.matchEffect({
      onSuccess: () => Effect.logInfo("an agent's login was tried, and it works"),
      onFailure: ({ reason }) =>
        Effect.logWarning(
          `an agent's login was tried, and it does not work: ${reason}. Is auth_callout set up, with our issuer? (docs/runbooks/nats-accounts.md)`,
        ),
    }),
  )
})
