import type { Msg } from "@nats-io/nats-core"
import { Effect, Option, Queue, Schema, Stream } from "effect"
import { Roster } from "../../projections/Roster.ts"
import { AGENTS, slugOf, userOf } from "./agentAccount.ts"
import { Nats } from "./Connection.ts"

/** `$SYS.REQ.SERVER.PING.CONNZ`, as the log's account has it imported: every server answers. */
const LIST = "crew.sys.connz"
const AT_ONCE = 1_000
const ANSWERS_WITHIN = { strategy: "stall", stall: 500, maxWait: 2_000 } as const
/** The time between two looks: whoever logged in while its token was on the way out is found then. */
const LOOK_EVERY = "5 seconds"

const Listed = Schema.fromJsonString(
  Schema.Struct({
    server: Schema.Struct({ id: Schema.String.check(Schema.isPattern(/^[A-Z0-9]{1,64}$/)) }),
    data: Schema.Struct({
      total: Schema.Int,
      connections: Schema.optionalKey(
        Schema.Array(Schema.Struct({ cid: Schema.Int, authorized_user: Schema.optionalKey(Schema.String) })),
      ),
    }),
  }),
)
const decode = Schema.decodeUnknownOption(Listed)

class NotListed extends Schema.TaggedError<NotListed>()("NotListed", { reason: Schema.String }) {}

/**
 * Cuts, until the scope ends, the connections of members whose token was changed or who were disabled,
 * on whichever server: at once when the roster changes, and looks again every few seconds. A node looks at
 * all connections, so that it does not matter who let them in.
 */
export const cutOff = Effect.gen(function* () {
  const { connection } = yield* Nats
  const roster = yield* Roster
  const wake = yield* Queue.sliding<void>(1)

  const isOutdated = (user: string) => {
    const slug = slugOf(user)
    if (slug === undefined) return false
    const member = roster.bySlug(slug)
    // Unknown here means: new, and known to the node that let it in.
    return member !== undefined && (!member.is_enabled || userOf(member) !== user)
  }

  // The server does nothing without somebody to tell. What fails is found again at the next look.
  const cut = (server: string, cid: number) =>
    void connection.request(`$SYS.REQ.SERVER.${server}.KICK`, JSON.stringify({ cid })).catch(() => {})

  /** Cuts whom this page shows; whether there is another page. */
  const handle = (message: Msg, offset: number) => {
    const listed = Option.getOrUndefined(decode(message.string()))
    if (listed === undefined) return false
    const { data, server } = listed
    for (const { authorized_user: user = "", cid } of data.connections ?? []) {
      if (isOutdated(user)) cut(server.id, cid)
    }
    return data.total > offset + AT_ONCE
  }

  const page = (offset: number) =>
    Effect.tryPromise({
      try: async () => {
        const asked = JSON.stringify({ auth: true, acc: AGENTS, sort: "cid", limit: AT_ONCE, offset })
        let isLast = true
        for await (const message of await connection.requestMany(LIST, asked, ANSWERS_WITHIN)) {
          if (handle(message, offset)) isLast = false
        }
        return isLast
      },
      catch: (cause) => new NotListed({ reason: String(cause) }),
    })

  const look = Effect.gen(function* () {
    for (let offset = 0; !(yield* page(offset)); offset += AT_ONCE);
  })

  yield* look.pipe(
    Effect.catchTag("NotListed", ({ reason }) =>
      Effect.logWarning(
        `connections of agents can't be cut: ${reason}. See docs/runbooks/nats-accounts.md for what the NATS server has to export.`,
      ),
    ),
    // It takes half a second to hear all servers, and whoever comes in by an old token may do nothing anyway.
    Effect.forkScoped,
  )
  yield* roster.changes.pipe(
    Stream.runForEach(() => Queue.offer(wake, undefined)),
    Effect.forkScoped,
  )
  yield* Queue.take(wake).pipe(
    Effect.timeoutOption(LOOK_EVERY),
    Effect.andThen(look),
    Effect.catchTag("NotListed", ({ reason }) => Effect.logDebug(`connections are not listed: ${reason}`)),
    Effect.forever,
    Effect.forkScoped,
  )
})
