import { ConfigProvider, Effect, Layer, Stream } from "effect"
import { randomBytes } from "node:crypto"
import { HttpServer } from "../../../src/adapters/http/HttpServer.ts"
import { Readiness } from "../../../src/adapters/http/Readiness.ts"
import { layer as MemoryLog } from "../../../src/adapters/memory/EventLog.ts"
import { layer as DigestLayer } from "../../../src/adapters/node/Digest.ts"
import { layer as tokensLayer } from "../../../src/adapters/node/Tokens.ts"
import { Chats } from "../../../src/commands/Chats.ts"
import { Claims } from "../../../src/commands/Claims.ts"
import { Dispatcher } from "../../../src/commands/dispatch.ts"
import { enrolAdmin, openLobby } from "../../../src/commands/firstStart.ts"
import { Heartbeats } from "../../../src/commands/Heartbeats.ts"
import { Limits } from "../../../src/commands/Limits.ts"
import { Members } from "../../../src/commands/Members.ts"
import { People } from "../../../src/commands/People.ts"
import { Projects } from "../../../src/commands/Projects.ts"
import { Tasks } from "../../../src/commands/Tasks.ts"
import { Tokens } from "../../../src/commands/Tokens.ts"
import { layer as settingsLayer } from "../../../src/config.ts"
import { Entrance } from "../../../src/operations/Entrance.ts"
import { Projected } from "../../../src/projections/Projected.ts"
import { ReadModel, ReadModelUnavailable } from "../../../src/projections/ReadModel.ts"
import { Roster } from "../../../src/projections/Roster.ts"
import { NoReceipts } from "../../support/commands.ts"

export const ADMIN_TOKEN = "tb-the-first-admin"

export const settingsWith = (env: Record<string, string> = {}) => {
  const all = { CREWLOG_PORT: "0", CREWLOG_READ_WAIT: "1 millis", CREWLOG_RATE_LIMIT: "100000", ...env }
  return Layer.fresh(settingsLayer).pipe(
    Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: all }))),
    Layer.orDie,
  )
}

const away = Effect.fail(new ReadModelUnavailable({ reason: "PostgreSQL is away" }))

/** PostgreSQL is away: whatever a command needs must come from the log. */
export const NoReadModel = Layer.merge(
  Layer.succeed(ReadModel, {
    standing: away,
    projects: () => away,
    project: () => away,
    tasks: () => away,
    task: () => away,
    held: () => away,
    history: () => away,
    messages: () => away,
    message: () => away,
    replies: () => away,
    members: () => away,
    member: () => away,
    welcome: away,
    feed: () => away,
    owed: () => away,
    owing: away,
    silent: () => away,
  }),
  Layer.succeed(Projected, {
    current: Effect.succeed(0),
    reached: () => Effect.succeed(false),
    changes: Stream.empty,
    lull: Effect.void,
    note: () => Effect.void,
  }),
)

/** Every command service, on what is provided: a log, a read model, settings. */
export const Commands = Layer.mergeAll(Tasks.layer, Projects.layer, Members.layer, Chats.layer).pipe(
  Layer.provideMerge(Layer.mergeAll(Claims.layer, People.layer, Limits.layer)),
  Layer.provideMerge(Layer.mergeAll(Dispatcher.layer, Roster.layer)),
  Layer.provideMerge(Layer.mergeAll(DigestLayer, tokensLayer([randomBytes(32)]))),
  Layer.provide(NoReceipts),
)

const Surroundings = Layer.mergeAll(
  Layer.succeed(Heartbeats, { seen: () => Effect.void, beat: () => Effect.void, gone: () => Effect.void }),
  Layer.succeed(Readiness, { checks: Effect.succeed([{ name: "log", ok: true, detail: "reachable" }]) }),
)

/** Lets the first admin in, as a first start does. */
const FirstAdmin = Layer.effectDiscard(
  Effect.gen(function* () {
    const tokens = yield* Tokens
    yield* openLobby()
    yield* enrolAdmin(tokens.hash(ADMIN_TOKEN))
  }),
)

/** The whole door on a log in memory and without a read model. */
export const door = (env: Record<string, string> = {}) =>
  HttpServer.layer.pipe(
    Layer.provideMerge([FirstAdmin, Entrance.layer]),
    Layer.provideMerge(Commands),
    Layer.provideMerge(Surroundings),
    Layer.provideMerge(NoReadModel),
    Layer.provideMerge(settingsWith(env)),
    Layer.provideMerge(MemoryLog),
  )
