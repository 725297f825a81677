import { Deferred, Effect, Fiber, Schema, Stream } from "effect"
import type { Recorded, Subject } from "../domain/CommitRecord.ts"
import { type EventLog, LogDamaged } from "../domain/EventLog.ts"
import { framesIn } from "./Feed.ts"
import type { Frame } from "./ReadModel.ts"
import type { Row } from "./Table.ts"
import { Batch } from "./Batch.ts"
import type { Checkpoint, Term } from "./Store.ts"

/** A batch that can't be projected as it is, and not because of an outage. Nothing of it was written. */
export class BatchRefused extends Schema.TaggedError<BatchRefused>()("BatchRefused", {
  /** The last sequence of the batch. */
  upTo: Schema.Int,
  reason: Schema.String,
}) {}

const keyOf = ({ id, type }: Subject) => `${type}.${id}`

/** The work of one term: the position that it has reached, and the aggregates whose records wait behind a parked one. */
export interface Progress {
  readonly log: EventLog["Service"]
  /** The log's identity, kept with the checkpoint. */
  readonly epoch: string
  readonly term: Term
  at: Checkpoint
  readonly parked: Set<string>
  /** True when nothing is to be parked: the first record that fails alone fails the whole. */
  readonly strict?: boolean
  /** Tells of each commit, with the frames that it added at the end of the feed. */
  readonly committed: (seq: number, frames?: ReadonlyArray<Frame>) => Effect.Effect<void>
  /** Comes after each small batch: what arrives meanwhile makes the next one larger. */
  readonly lull?: Effect.Effect<void>
}

const LARGEST = 1_000
// Besides the one that PostgreSQL writes: what it waits for while we read on and fold.
const MOST_WAITING = 2
// Smaller batches wait for the one before: what arrives meanwhile makes the next one larger.
const OVERLAP_FROM = 250

/**
 * Projects everything after `progress.at`, in batches of whatever arrived while the last transaction
 * ran. While a large batch is written the next ones are folded and sent after it. Ends only with `until`.
 */
export const project = Effect.fnUntraced(function* (
  progress: Progress,
  { largest = LARGEST, until = Infinity }: { readonly largest?: number; readonly until?: number } = {},
) {
  const { at, log, lull = Effect.void, term } = progress
  if (at.seq >= until) return
  const batch = new Batch(yield* term.clock)
  const broken = yield* Deferred.make<never, Effect.Error<Writing>>()
  const onTheirWay: Array<Fiber.Fiber<void, Effect.Error<Writing>>> = []
  let [read, sent] = [at.seq, at]
  const landed = (atMost: number) =>
    Effect.suspend(() => Fiber.joinAll(onTheirWay.splice(0, Math.max(0, onTheirWay.length - atMost))))

  const add = Effect.fnUntraced(function* (records: ReadonlyArray<Recorded>) {
    read = yield* dense(records, read)
    // What is on its way lands in any case: `progress` has to know where the next attempt begins.
    const folded = yield* Effect.tapError(foldInto(batch, progress, records), () => landed(0))
    yield* landed(MOST_WAITING)
    const writing = write(progress, sent, records, folded).pipe(
      Effect.tapCause((cause) => Deferred.failCause(broken, cause)),
    )
    sent = positionOf(progress, records) ?? sent
    if (records.length >= OVERLAP_FROM) {
      onTheirWay.push(yield* Effect.forkChild(writing, { startImmediately: true }))
      return
    }
    yield* landed(0)
    // Commands that have come meanwhile go first: while the log stores what they do there is time for this.
    yield* Effect.yieldNow
    yield* writing
    yield* lull
  })

  yield* log.follow(at.seq, "events").pipe(
    Stream.takeUntil(({ seq }) => seq >= until),
    Stream.runForEachArray((records) => Effect.forEach(slices(records, largest), add, { discard: true })),
    Effect.andThen(landed(0)),
    Effect.raceFirst(Deferred.await(broken)),
  )
})

/** Projects the records after `progress.at` up to a sequence one by one, and parks those that fail alone (unless strict). */
export const projectOneByOne = Effect.fnUntraced(function* (progress: Progress, upTo: number) {
  const one = Effect.fnUntraced(
    function* (recorded: Recorded) {
      yield* dense([recorded], progress.at.seq)
      const folded = yield* foldInto(new Batch(yield* progress.term.clock), progress, [recorded])
      yield* write(progress, progress.at, [recorded], folded)
    },
    (effect, recorded) =>
      Effect.catchTag(effect, "BatchRefused", (refused) => park(progress, recorded, refused)),
  )
  yield* progress.log.follow(progress.at.seq).pipe(
    Stream.takeUntil(({ seq }) => seq >= upTo),
    Stream.runForEach(one),
  )
})

/** Tries the parked records again, oldest first; those behind one that still fails go on waiting. */
export const retryParked = Effect.fnUntraced(function* (progress: Progress) {
  const { parked, term } = progress
  for (const { recorded } of yield* term.parked) {
    if (parked.has(keyOf(recorded.subject))) continue
    yield* foldInto(new Batch(yield* term.clock), progress, [recorded]).pipe(
      Effect.andThen((folded) => write(progress, progress.at, [], folded, [recorded.seq])),
      Effect.catchTag("BatchRefused", ({ reason }) => {
        parked.add(keyOf(recorded.subject))
        return Effect.logError(`record ${recorded.seq} (${keyOf(recorded.subject)}) stays parked: ${reason}`)
      }),
    )
  }
})

type Folded = ReturnType<Batch["fold"]>

const foldInto = Effect.fnUntraced(function* (
  batch: Batch,
  { parked, term }: Progress,
  all: ReadonlyArray<Recorded>,
) {
  const records = parked.size === 0 ? all : all.filter(({ subject }) => !parked.has(keyOf(subject)))
  const missing: Array<readonly [Parameters<Batch["remember"]>[0], ReadonlyArray<Row>]> = []
  for (const [table, ids] of batch.missing(records)) missing.push([table, yield* term.rows(table, ids)])
  return yield* Effect.try({
    try: () => {
      for (const [table, rows] of missing) batch.remember(table, rows)
      return batch.fold(records)
    },
    catch: (error) => new BatchRefused({ upTo: all.at(-1)?.seq ?? 0, reason: String(error) }),
  })
})

type Writing = ReturnType<typeof write>

const positionOf = ({ epoch }: Progress, records: ReadonlyArray<Recorded>): Checkpoint | undefined => {
  const last = records.at(-1)
  return last && { seq: last.seq, hash: last.record.hash, log: epoch }
}

/** Records of aggregates with a parked record are written as parked, the others as rows. */
const write = Effect.fnUntraced(function* (
  progress: Progress,
  from: Checkpoint,
  records: ReadonlyArray<Recorded>,
  { expired, writes }: Folded,
  unpark: ReadonlyArray<number> = [],
) {
  const { parked, term } = progress
  const to = positionOf(progress, records) ?? from
  const behind = parked.size === 0 ? [] : records.filter(({ subject }) => parked.has(keyOf(subject)))
  const park = behind.map((recorded) => ({
    recorded,
    error: "waits behind an earlier record of its aggregate",
  }))
  yield* term
    .commit({ from: from.seq, to, writes: writes.tables, expired, park, unpark })
    .pipe(
      Effect.catchTag("RowsRefused", ({ reason }) => Effect.fail(new BatchRefused({ upTo: to.seq, reason }))),
    )
  progress.at = to
  // Frames of a record that was parked come too late to be told.
  const told = framesIn(writes.tables).filter(({ seq }) => seq > from.seq)
  yield* progress.committed(to.seq, told)
})

const park = Effect.fnUntraced(function* (progress: Progress, recorded: Recorded, refused: BatchRefused) {
  const { record, seq, subject } = recorded
  const { at, committed, epoch, parked, strict, term } = progress
  if (strict === true) return yield* refused
  yield* Effect.logError(
    `record ${seq} (${keyOf(subject)}) can't be projected, it is parked: ${refused.reason}`,
  )
  const to = { seq, hash: record.hash, log: epoch }
  yield* term
    .commit({ from: at.seq, to, writes: [], park: [{ recorded, error: refused.reason }] })
    .pipe(Effect.catchTag("RowsRefused", ({ reason }) => Effect.die(new Error(`can't park: ${reason}`))))
  progress.at = to
  parked.add(keyOf(subject))
  yield* committed(seq)
})

/** The log has no holes: what is missing was lost, and nothing after it may be shown. */
const dense = (records: ReadonlyArray<Recorded>, after: number): Effect.Effect<number, LogDamaged> => {
  const hole = records.findIndex(({ seq }, index) => seq !== after + index + 1)
  if (hole === -1) return Effect.succeed(after + records.length)
  const expected = after + hole + 1
  return Effect.fail(
    new LogDamaged({
      seq: expected,
      reason: `is missing: after ${expected - 1} comes ${records[hole]?.seq}`,
    }),
  )
}

const slices = function* <Item>(all: ReadonlyArray<Item>, largest: number): Generator<ReadonlyArray<Item>> {
  for (let from = 0; from < all.length; from += largest) yield all.slice(from, from + largest)
}
