import { Deferred, Effect, type Exit, Layer, type Scope } from "effect"
import { layer as tokensLayer } from "../../../src/adapters/node/Tokens.ts"
import { Allowances } from "../../../src/commands/Allowances.ts"
import { Backends } from "../../../src/commands/Backends.ts"
import { Chats } from "../../../src/commands/Chats.ts"
import { Claims } from "../../../src/commands/Claims.ts"
import { Dispatcher } from "../../../src/commands/dispatch.ts"
import { Gateway } from "../../../src/commands/Gateway.ts"
import { KeyVault } from "../../../src/commands/KeyVault.ts"
import { Members } from "../../../src/commands/Members.ts"
import { People } from "../../../src/commands/People.ts"
import { Projects } from "../../../src/commands/Projects.ts"
import { Receipts } from "../../../src/commands/Receipts.ts"
import { Tasks } from "../../../src/commands/Tasks.ts"
import { Digest } from "../../../src/domain/Digest.ts"
import { EventLog } from "../../../src/domain/EventLog.ts"
import { Fleet } from "../../../src/projections/Fleet.ts"
import { Roster } from "../../../src/projections/Roster.ts"
import { NoReadModel, settingsWith } from "../../adapters/http/door.ts"
import { NodeLog, type Way } from "./NodeLog.ts"

/** Every command service there is. */
export type Services =
  | Tasks
  | Projects
  | Members
  | Chats
  | Backends
  | Gateway
  | Allowances
  | Dispatcher
  | Digest
  | EventLog

const vault = Layer.succeed(KeyVault, {
  put: () => Effect.void,
  get: () => Effect.undefined,
  drop: () => Effect.void,
  reseal: Effect.succeed({ keys: 0, resealed: 0, unreadable: [] }),
})
const tokens = tokensLayer([new TextEncoder().encode("the simulation's secret, 32 bytes")])

/** A read model that is behind by some records, and sometimes away: the newest commands are on the log alone. */
const receiptsOf = ({ log, random, weather }: Way) =>
  Layer.succeed(Receipts, {
    find: (subject, command) =>
      Effect.suspend(() => {
        if (!weather.isCalm && random.chance(0.1))
          return Effect.fail({ _tag: "ReadModelUnavailable" as const })
        const upTo = Math.max(0, log.records.length - random.between(0, 50))
        const seq = log.recordOf(subject, command)
        return Effect.succeed({ seq: seq !== undefined && seq <= upTo ? seq : undefined, upTo })
      }),
  })

/** The layer of a dispatcher, so that a fault can be planted in one. */
export type DispatcherLayer = Layer.Layer<Dispatcher, never, EventLog | Digest | Receipts>

/** A program with caches of its own. */
export interface SimulatedNode {
  /** Carries a command out; undefined when the node dies meanwhile. */
  readonly carryOut: <A, E>(
    command: Effect.Effect<A, E, Services>,
  ) => Effect.Effect<Exit.Exit<A, E> | undefined>
  readonly isDead: () => boolean
}

export const startNode = Effect.fnUntraced(function* (
  way: Way,
  digest: Digest["Service"],
  dispatcher: DispatcherLayer = Dispatcher.layer,
): Effect.fn.Return<SimulatedNode, never, Scope.Scope> {
  const death = Deferred.makeUnsafe<undefined>()
  const { service } = new NodeLog(way, () => Deferred.doneUnsafe(death, Effect.undefined))
  const program = Layer.mergeAll(
    Tasks.layer,
    Projects.layer,
    Members.layer,
    Chats.layer,
    Backends.layer,
    Gateway.layer,
    Allowances.layer,
  ).pipe(
    Layer.provide(Layer.mergeAll(Claims.layer, People.layer)),
    Layer.provideMerge(Layer.mergeAll(dispatcher, Roster.layer, Fleet.layer)),
    Layer.provide(Layer.mergeAll(receiptsOf(way), tokens, vault, NoReadModel, settingsWith())),
    Layer.provideMerge(Layer.mergeAll(Layer.succeed(Digest, digest), Layer.succeed(EventLog, service))),
  )
  const scope = yield* Effect.scope
  const context = yield* Effect.suspend(() =>
    Layer.buildWithMemoMap(program, Layer.makeMemoMapUnsafe(), scope),
  ).pipe(Effect.retry({ times: 20 }), Effect.orDie)

  return {
    isDead: () => Deferred.isDoneUnsafe(death),
    // Apart from who asked: a node that is dead never lets go of what it has begun.
    carryOut: <A, E>(command: Effect.Effect<A, E, Services>) =>
      Effect.suspend(() => {
        const done = Deferred.makeUnsafe<Exit.Exit<A, E>>()
        return Effect.exit(command).pipe(
          Effect.provideContext(context),
          Effect.flatMap((exit) => Deferred.succeed(done, exit)),
          Effect.forkDetach,
          Effect.andThen(Effect.raceFirst(Deferred.await(done), Deferred.await(death))),
        )
      }),
  }
})
