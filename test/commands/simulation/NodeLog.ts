import { Effect, PubSub, Stream } from "effect"
import type { Random } from "../../../chaos/Random.ts"
import type { AggregateType } from "../../../src/domain/Aggregate.ts"
import type { Recorded } from "../../../src/domain/CommitRecord.ts"
import { type Append, EventLog, LogUnavailable, WrongGuard } from "../../../src/domain/EventLog.ts"
import type { SimulatedLog } from "./SimulatedLog.ts"

/** Every fate of an append, but that it is simply stored and answered. */
const fates = [
  "away",
  "lost on its way",
  "answer lost",
  "stored though refused",
  "stored twice",
  "stored late",
] as const
const deaths = ["death before", "death after"] as const
type Fate = (typeof fates)[number] | (typeof deaths)[number]

/** The number of kinds of faults. */
export const KINDS_OF_FAULTS = fates.length + deaths.length + 1

/** The number of times that each fault was had. */
export type FaultTally = Map<Fate | "away for a reader", number>

/** The way from one node to the log, and its faults. `isCalm`: nothing goes wrong any more. */
export interface Way {
  readonly log: SimulatedLog
  readonly random: Random
  readonly tally: FaultTally
  readonly weather: { isCalm: boolean }
  /** Answers before the record is stored: for showing that somebody notices. */
  readonly isHasty?: boolean
}

const FAULTY = 0.06
const UNREADABLE = 0.002
const LATEST = 40

const unknown = (reason: string) => new LogUnavailable({ reason, unknown: true })

/** The log as one node has it, until it dies: then nothing is ever answered. */
export class NodeLog {
  readonly #way: Way
  readonly #died: () => void
  /** Appends until it dies. */
  #left: number
  #isDead = false

  constructor(way: Way, died: () => void) {
    this.#way = way
    this.#died = died
    this.#left = way.random.between(100, 900)
  }

  get service(): EventLog["Service"] {
    const { log } = this.#way
    const arrivals = (type: AggregateType) =>
      Effect.map(PubSub.unbounded<Recorded>({ replay: 1_000 }), (arrivals) => {
        log.listen(type, (recorded) => void PubSub.publishUnsafe(arrivals, recorded))
        return Stream.fromPubSub(arrivals)
      })
    return EventLog.of({
      append: (request) => this.#append(request),
      last: (subject) => this.#read(() => log.last(subject)),
      at: (seq) => this.#read(() => log.records[seq - 1]),
      line: (seq) => this.#read(() => log.records[seq - 1]),
      newest: (type) => Effect.sync(() => log.newest(type)),
      follow: (after) => Stream.concat(Stream.fromIterable(log.records.slice(after)), Stream.never),
      followType: (type, after) =>
        Stream.unwrap(arrivals(type)).pipe(Stream.filter(({ seq }) => seq > after)),
      head: Effect.sync(() => ({
        epoch: "simulation",
        first: Math.min(1, log.records.length),
        last: log.records.length,
      })),
    })
  }

  #live<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => (this.#isDead ? Effect.never : effect))
  }

  #pause(most = 3): Effect.Effect<void> {
    const millis = this.#way.random.between(0, most)
    return this.#live(millis === 0 ? Effect.yieldNow : Effect.sleep(millis))
  }

  #read<A>(read: () => A): Effect.Effect<A, LogUnavailable> {
    const { random, tally, weather } = this.#way
    return Effect.andThen(
      this.#pause(1),
      Effect.suspend(() => {
        if (weather.isCalm || !random.chance(UNREADABLE)) return Effect.succeed(read())
        count(tally, "away for a reader")
        return Effect.fail(new LogUnavailable({ reason: "away", unknown: false }))
      }),
    )
  }

  #die(): Effect.Effect<never> {
    this.#isDead = true
    this.#died()
    return Effect.never
  }

  #fate(): Fate | undefined {
    const { random, tally, weather } = this.#way
    if (weather.isCalm) return undefined
    this.#left -= 1
    const death = random.pick(deaths)
    const fate = this.#left <= 0 ? death : random.chance(FAULTY) ? random.pick(fates) : undefined
    if (fate !== undefined) count(tally, fate)
    return fate
  }

  #append(request: Append) {
    const { isHasty, log } = this.#way
    if (isHasty === true) return this.#hasty(request)
    const store = Effect.suspend(() => {
      const appended = log.store(request)
      return appended === undefined
        ? Effect.fail(new WrongGuard({ subject: request.subject.id, guard: request.guard }))
        : Effect.succeed(appended)
    })
    return Effect.andThen(
      this.#pause(),
      Effect.suspend(() => {
        switch (this.#fate()) {
          case undefined:
            return Effect.tap(store, this.#pause())
          case "away":
            return Effect.fail(new LogUnavailable({ reason: "away", unknown: false }))
          case "lost on its way":
            return Effect.fail(unknown("nothing came back"))
          case "answer lost":
            return Effect.andThen(store, Effect.fail(unknown("nothing came back")))
          case "stored though refused":
            return Effect.andThen(
              store,
              new WrongGuard({ subject: request.subject.id, guard: request.guard }),
            )
          case "stored twice":
            return Effect.map(store, ({ seq }) => ({ seq, duplicate: true }))
          case "stored late":
            return Effect.andThen(this.#later(request), Effect.fail(unknown("it is still on its way")))
          case "death before":
            return this.#die()
          case "death after":
            return Effect.andThen(
              Effect.ignore(store),
              Effect.suspend(() => this.#die()),
            )
        }
      }),
    )
  }

  /** Stores it some time later, if its guard still holds then. */
  #later(request: Append): Effect.Effect<void> {
    const { log, random } = this.#way
    const stored = Effect.andThen(
      Effect.sleep(random.between(1, LATEST)),
      Effect.sync(() => void log.store(request)),
    )
    return Effect.asVoid(Effect.forkDetach(stored))
  }

  #hasty(request: Append) {
    const { log } = this.#way
    return this.#pause().pipe(
      Effect.andThen(this.#later(request)),
      Effect.andThen(Effect.sync(() => ({ seq: log.records.length + 1, duplicate: false }))),
    )
  }
}

const count = <A>(tally: Map<A, number>, what: A) => tally.set(what, (tally.get(what) ?? 0) + 1)
