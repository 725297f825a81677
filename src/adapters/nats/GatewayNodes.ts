import { Clock, DateTime, Effect, Fiber, Layer, Option, Schedule, Schema } from "effect"
import { randomUUID } from "node:crypto"
import { Instant, Uuid } from "../../domain/Ids.ts"
import { GatewayNodes } from "../../gateway/routing/GatewayNodes.ts"
import { Attendance } from "./Attendance.ts"
import { Nats } from "./Connection.ts"

/** In the log's account: agents neither hear nor speak here (natsConfig.ts). */
const SUBJECT = "crew.gateway.nodes"
const EVERY = "1 second"
/** The time after which all are known: whoever is there answers one that comes, and says so each second anyway. */
const SETTLED_AFTER = "1200 millis"
const FLUSHED_WITHIN = "1 second"

/** `says`: that it is there, that it is new and wants to hear who is, that it goes. */
const Word = Schema.fromJsonString(
  Schema.Struct({ id: Uuid, at: Instant, says: Schema.Literals(["here", "hello", "goodbye"]) }),
)
const decode = Schema.decodeUnknownOption(Word)
const encode = Schema.encodeSync(Word)

/**
 * Nodes tell each other over core NATS that they are there. One that does not say so for 3.5 seconds counts no
 * longer. While NATS is away nobody is given up: each keeps to its share.
 */
export const layer = Layer.effect(
  GatewayNodes,
  Effect.gen(function* () {
    const { connection, isUp } = yield* Nats
    const id = randomUUID()
    const attendance = new Attendance(id)
    const listeners = new Set<() => void>()

    const clock = yield* Clock.Clock
    const elapsed = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
    const changed = (isChanged: boolean) => {
      if (isChanged) for (const listener of listeners) listener()
    }
    const say = (says: (typeof Word.Type)["says"]) =>
      Effect.flatMap(DateTime.now, (now) =>
        // What waits for the link would be said when it is no longer true.
        Effect.try(
          () => isUp() && connection.publish(SUBJECT, encode({ id, at: DateTime.formatIso(now), says })),
        ),
      ).pipe(Effect.catch((error) => Effect.logDebug("this node is not announced", error)))
    const run = Effect.runForkWith(yield* Effect.context<never>())

    const hear = (text: string) => {
      const word = Option.getOrUndefined(decode(text))
      if (word === undefined || word.id === id) return
      if (word.says === "goodbye") return changed(attendance.left(word.id))
      changed(attendance.heard(word.id, elapsed()))
      if (word.says === "hello") run(say("here"))
    }
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        connection.subscribe(SUBJECT, {
          callback: (error, message) => {
            if (error === null) hear(message.string())
          },
        }),
      ),
      (subscription) => Effect.sync(() => subscription.unsubscribe()),
    )
    yield* Effect.addFinalizer(() =>
      say("goodbye").pipe(
        Effect.andThen(Effect.promise(() => connection.flush().catch(() => {}))),
        Effect.timeoutOption(FLUSHED_WITHIN),
      ),
    )
    yield* say("hello")
    yield* say("here").pipe(
      Effect.andThen(Effect.sync(() => changed(attendance.look(elapsed(), isUp())))),
      Effect.repeat(Schedule.spaced(EVERY)),
      Effect.forkScoped,
    )
    const settling = yield* Effect.forkScoped(Effect.sleep(SETTLED_AFTER))

    return GatewayNodes.of({
      count: () => attendance.count,
      isFirst: () => attendance.isFirst,
      onChange: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      settled: Effect.asVoid(Fiber.await(settling)),
    })
  }),
)
