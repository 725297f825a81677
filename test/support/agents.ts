import { createAccount } from "@nats-io/nkeys"
import { connect, type ConnectionOptions, headers, type Msg } from "@nats-io/transport-node"
import { Context, Effect, Layer, Redacted, Schedule } from "effect"
import { createConnection } from "node:net"
import { join } from "node:path"
import type { NatsTarget } from "../../src/adapters/nats/Connection.ts"
import { type NatsAccess, natsServer } from "../../src/adapters/runtime/EmbeddedNats.ts"
import { makeCrew } from "./crew.ts"
import { type RunningNode, startNode } from "./node.ts"
import { Rest } from "./rest.ts"
import { freshDatabase, searchPath, temporaryFolder } from "./servers.ts"

/** A nats-server configured as the embedded one, and a database: where nodes let agents in. */
export const agentsPlace = Effect.gen(function* () {
  const key = createAccount()
  const folder = join(yield* temporaryFolder, "nats")
  const server = yield* natsServer({ folder, searchPath, issuer: key.getPublicKey() }, ["CREW"])
  yield* server.start
  return {
    place: { nats: server.access.get("CREW")!, databaseUrl: yield* freshDatabase },
    env: { CREWLOG_NATS_ISSUER: new TextDecoder().decode(key.getSeed()) },
  }
})

const urlOf = (access: NatsAccess) => Redacted.value(access.backend).url

/** A connection with a member's token, closed with the scope. Fails with what the server says. */
export const agentOn = (access: NatsAccess, slug: string, token: string, options: ConnectionOptions = {}) =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () =>
        connect({
          servers: urlOf(access),
          token,
          inboxPrefix: `_INBOX_${slug}`,
          reconnect: false,
          ...options,
        }),
      catch: String,
    }),
    (connection) => Effect.promise(() => connection.close()),
  )
export type AgentConnection = Effect.Success<ReturnType<typeof agentOn>>

/** Looks again until it is so. */
export const until = (what: string, isSo: () => boolean) =>
  Effect.sync(isSo).pipe(
    Effect.repeat({ until: (is) => is, schedule: Schedule.spaced("5 millis") }),
    Effect.timeoutOrElse({
      duration: "30 seconds",
      orElse: () => Effect.die(new Error(`it never came to this: ${what}`)),
    }),
  )

export interface Reply {
  /** Of a refusal. */
  readonly status: number | undefined
  readonly error: string | undefined
  readonly seq: number
  readonly header: (name: string) => string | undefined
  // What a test knows of a body, it asserts.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

const replyOf = (message: Msg): Reply => {
  const header = (name: string) => message.headers?.get(name) || undefined
  const status = header("Nats-Service-Error-Code")
  return {
    status: status === undefined ? undefined : Number(status),
    error: header("Nats-Service-Error"),
    seq: Number(header("Crewlog-Seq")),
    header,
    body: message.data.length === 0 ? undefined : message.json(),
  }
}

/** Gives a command of an agent; dies when nobody answers. */
export const command = (
  connection: AgentConnection,
  subject: string,
  payload: unknown,
  more: Readonly<Record<string, string>> = {},
) =>
  Effect.promise(async () => {
    const head = headers()
    for (const [name, value] of Object.entries(more)) head.set(name, value)
    const text = typeof payload === "string" ? payload : JSON.stringify(payload)
    return replyOf(await connection.request(subject, text, { timeout: 5_000, headers: head }))
  })

/** Speaks the protocol by hand, as no client library would; answers everything that the server said. */
export const raw = ({ url }: NatsTarget, token: string, lines: string) =>
  Effect.callback<string>((resume) => {
    const { hostname, port } = new URL(url)
    const socket = createConnection(Number(port), hostname)
    let said = ""
    socket.on("data", (data) => {
      said += String(data)
      if (said.endsWith("PONG\r\n")) socket.end()
    })
    socket.on("error", () => {})
    socket.on("close", () => resume(Effect.succeed(said)))
    const options = { auth_token: token, verbose: false, pedantic: false, headers: true, no_responders: true }
    socket.write(`CONNECT ${JSON.stringify(options)}\r\n${lines}PING\r\n`)
    return Effect.sync(() => socket.destroy())
  })

/** A crew with agents al and bo, on a node that lets them in. */
export class AgentCrew extends Context.Service<
  AgentCrew,
  {
    readonly access: NatsAccess
    readonly node: RunningNode
    readonly admin: Rest
    readonly project: { readonly id: string; readonly chat_id: string }
    readonly tokens: { readonly al: string; readonly bo: string }
  }
>()("test/support/AgentCrew") {
  static readonly layer = Layer.effect(
    AgentCrew,
    Effect.gen(function* () {
      const { env, place } = yield* agentsPlace
      const node = yield* startNode(place, { env })
      const { admin, project, tokens } = yield* makeCrew(node, ["al", "bo"])
      // Everybody has been seen: who does nothing more leaves the log alone.
      for (const token of [admin.token, ...tokens]) {
        const { body } = yield* new Rest(node.url, token).get("/me")
        yield* admin.get(`/members/${body.slug}`).pipe(
          Effect.repeat({
            until: ({ body }) => body.status === "online",
            schedule: Schedule.spaced("20 millis"),
          }),
        )
      }
      return AgentCrew.of({
        access: place.nats,
        node,
        admin,
        project,
        tokens: { al: tokens[0]!, bo: tokens[1]! },
      })
    }).pipe(Effect.orDie),
  )
}
