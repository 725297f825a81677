import { Effect, Stream } from "effect"
import { Signals, type Heartbeat } from "./Signals.ts"
import { type Checkpoint, type Model, Store, type Term } from "./Store.ts"
import { bigint, defineTable, instant, text } from "./Table.ts"
import { put, Writes } from "./Writes.ts"

/** The last sign of life of each member (architecture.md section 8). `seq` is of the log of signals. */
export const lastSeen = defineTable({
  name: "last_seen",
  columns: { id: text, slug: text, seq: bigint, at: instant },
  key: ["id"],
  appendOnly: false,
  indices: [],
})

/** The second read model, with a checkpoint of its own: what the log of signals says. */
export const signalsModel: Model = { name: "signals", tables: [lastSeen], version: "1" }

// A second's delay is nothing beside the time after which silence counts, and saves most writes.
const TOGETHER = "1 second"
const BEFORE_NEXT_TERM = "500 millis"

/** Keeps `last_seen` up to date, as the one writer or waiting to become it. Never fails: signals are hints. */
export const lastSeenProjector = Effect.gen(function* () {
  const signals = yield* Signals
  const store = yield* Store

  const lead = Effect.fn("LastSeen.lead")(function* (term: Term) {
    const head = yield* signals.head
    // Another log of signals, or one that lost its end with the power: what is known stays, what is there is read.
    const known = term.start.log === head.epoch && term.start.seq <= head.last
    let at: Checkpoint = term.start
    const add = Effect.fnUntraced(function* (heartbeats: ReadonlyArray<Heartbeat>) {
      const writes = new Writes()
      for (const { id, slug, seq, at } of heartbeats) writes.add(put(lastSeen, { id, slug, seq, at }))
      const to = { seq: heartbeats.at(-1)?.seq ?? at.seq, hash: "", log: head.epoch }
      yield* term.commit({ from: at.seq, to, writes: writes.tables })
      at = to
    })
    yield* signals
      .follow(known ? at.seq : 0)
      .pipe(Stream.groupedWithin(1_000, TOGETHER), Stream.runForEach(add))
  })

  const oneTerm = Effect.gen(function* () {
    const term = yield* store.lead(signalsModel)
    return yield* Effect.raceFirst(lead(term), term.ended)
  }).pipe(
    Effect.scoped,
    Effect.catch(({ reason }) => Effect.logWarning(`not following signs of life: ${reason}`)),
  )

  return yield* oneTerm.pipe(Effect.andThen(Effect.sleep(BEFORE_NEXT_TERM)), Effect.forever)
})
