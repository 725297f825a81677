import { Deferred, Effect, Fiber, Stream } from "effect"
import type { Recorded } from "../domain/CommitRecord.ts"
import { LogDamaged } from "../domain/EventLog.ts"
import { hashOf, isStray, type Line, nameOf } from "../domain/Line.ts"
import { framesIn } from "./Feed.ts"
import type { Frame } from "./ReadModel.ts"
import type { Row } from "./Table.ts"
import { Batch } from "./Batch.ts"
import { BatchRefused, type Sifted, sift, type Sifting } from "./sift.ts"
import type { Checkpoint, Term } from "./Store.ts"

/** A term's work: where it is by now, and whose records wait behind one that is parked. */
export interface Progress extends Sifting {
  /** The log's identity, kept with the checkpoint. */
  readonly epoch: string
  readonly term: Term
  at: Checkpoint
  /** The first record that fails alone fails the whole. Those of a newer program are parked all the same. */
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

  const add = Effect.fnUntraced(function* (lines: ReadonlyArray<Line>) {
    read = yield* dense(lines, read)
    // What is on its way lands in any case: `progress` has to know where the next attempt begins.
    const folded = yield* Effect.tapError(foldInto(batch, progress, lines), () => landed(0))
    yield* landed(MOST_WAITING)
    const writing = write(progress, sent, lines, folded).pipe(
      Effect.tapCause((cause) => Deferred.failCause(broken, cause)),
    )
    sent = positionOf(progress, lines) ?? sent
    if (lines.length >= OVERLAP_FROM) {
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
    Stream.runForEachArray((lines) => Effect.forEach(slices(lines, largest), add, { discard: true })),
    Effect.andThen(landed(0)),
    Effect.raceFirst(Deferred.await(broken)),
  )
})

/** Projects the records after `progress.at` up to a sequence one by one, and parks those that fail alone (unless strict). */
export const projectOneByOne = Effect.fnUntraced(function* (progress: Progress, upTo: number) {
  const one = Effect.fnUntraced(
    function* (line: Line) {
      yield* dense([line], progress.at.seq)
      const folded = yield* foldInto(new Batch(yield* progress.term.clock), progress, [line])
      yield* write(progress, progress.at, [line], folded)
    },
    (effect, line) => Effect.catchTag(effect, "BatchRefused", (refused) => park(progress, line, refused)),
  )
  yield* progress.log.follow(progress.at.seq).pipe(
    Stream.takeUntil(({ seq }) => seq >= upTo),
    Stream.runForEach(one),
  )
})

/** Tries the parked records again, oldest first; those behind one that still can't be projected go on waiting. */
export const retryParked = Effect.fnUntraced(function* (progress: Progress) {
  const { parked, term } = progress
  const all = yield* term.parked
  for (const { recorded } of all) {
    if (parked.has(nameOf(recorded))) continue
    // Its frames get the time that they would have had in their turn: the tables say the same as those of a rebuild.
    yield* foldInto(new Batch(yield* term.clockBefore(recorded.seq)), progress, [recorded]).pipe(
      Effect.flatMap((folded) =>
        folded.park.length > 0 ? Effect.void : write(progress, progress.at, [], folded, [recorded.seq]),
      ),
      Effect.catchTag("BatchRefused", ({ reason }) => {
        parked.set(nameOf(recorded), recorded.seq)
        return Effect.logError(`record ${recorded.seq} (${nameOf(recorded)}) stays parked: ${reason}`)
      }),
    )
  }
  const left = all.filter(({ recorded }) => parked.has(nameOf(recorded)))
  if (left.length > 0) yield* Effect.logWarning(`${left.length} records stay parked: ${namesOf(left)}`)
})

type Folded = Sifted & ReturnType<Batch["fold"]>

const foldInto = Effect.fnUntraced(function* (batch: Batch, progress: Progress, lines: ReadonlyArray<Line>) {
  const sifted = yield* sift(progress, lines)
  const { records } = sifted
  const missing: Array<readonly [Parameters<Batch["remember"]>[0], ReadonlyArray<Row>]> = []
  for (const [table, ids] of batch.missing(records))
    missing.push([table, yield* progress.term.rows(table, ids)])
  return yield* Effect.try({
    try: (): Folded => {
      for (const [table, rows] of missing) batch.remember(table, rows)
      return { ...sifted, ...batch.fold(records) }
    },
    catch: (error) => new BatchRefused({ upTo: lines.at(-1)?.seq ?? 0, reason: String(error) }),
  })
})

type Writing = ReturnType<typeof write>

const positionOf = ({ epoch }: Progress, lines: ReadonlyArray<Line>): Checkpoint | undefined => {
  const last = lines.at(-1)
  return last && { seq: last.seq, hash: hashOf(last), log: epoch }
}

/** Records are written as rows or as parked, stray messages by their names, and the position of them all with them. */
const write = Effect.fnUntraced(function* (
  progress: Progress,
  from: Checkpoint,
  lines: ReadonlyArray<Line>,
  { expired, park, strays, writes }: Folded,
  unpark: ReadonlyArray<number> = [],
) {
  const { term } = progress
  const to = positionOf(progress, lines) ?? from
  yield* term
    .commit({ from: from.seq, to, writes: writes.tables, expired, park, strays, unpark })
    .pipe(
      Effect.catchTag("RowsRefused", ({ reason }) => Effect.fail(new BatchRefused({ upTo: to.seq, reason }))),
    )
  progress.at = to
  yield* warn(park, strays)
  // Frames of a record that was parked come too late to be told.
  const told = framesIn(writes.tables).filter(({ seq }) => seq > from.seq)
  yield* progress.committed(to.seq, told)
})

const NAMED = 5

const namesOf = (parked: Sifted["park"]): string => {
  const names = parked
    .slice(0, NAMED)
    .map(({ error, recorded }) => `${recorded.seq} (${nameOf(recorded)}: ${error})`)
  return [...names, ...(parked.length > NAMED ? [`and ${parked.length - NAMED} more`] : [])].join(", ")
}

const warn = Effect.fnUntraced(function* (park: Sifted["park"], strays: Sifted["strays"]) {
  if (park.length > 0) yield* Effect.logWarning(`records are parked: ${namesOf(park)}`)
  for (const { seq, stray } of strays.slice(0, NAMED))
    yield* Effect.logWarning(`message ${seq} on ${stray.subject} is set aside: it ${stray.reason}`)
  if (strays.length > NAMED)
    yield* Effect.logWarning(`${strays.length - NAMED} more messages that are no records are set aside`)
})

const park = Effect.fnUntraced(function* (progress: Progress, line: Line, refused: BatchRefused) {
  const { at, committed, epoch, parked, strict, term } = progress
  if (strict === true || isStray(line)) return yield* refused
  const recorded: Recorded<string> = line
  const { record, seq } = recorded
  yield* Effect.logError(
    `record ${seq} (${nameOf(line)}) can't be projected, it is parked: ${refused.reason}`,
  )
  const to = { seq, hash: record.hash, log: epoch }
  yield* term
    .commit({ from: at.seq, to, writes: [], park: [{ recorded, error: refused.reason }] })
    .pipe(Effect.catchTag("RowsRefused", ({ reason }) => Effect.die(new Error(`can't park: ${reason}`))))
  progress.at = to
  parked.set(nameOf(line), seq)
  yield* committed(seq)
})

/** The log has no holes: what is missing was lost, and nothing after it may be shown. */
const dense = (lines: ReadonlyArray<Line>, after: number): Effect.Effect<number, LogDamaged> => {
  const hole = lines.findIndex(({ seq }, index) => seq !== after + index + 1)
  if (hole === -1) return Effect.succeed(after + lines.length)
  const expected = after + hole + 1
  return Effect.fail(
    new LogDamaged({
      seq: expected,
      reason: `is missing: after ${expected - 1} comes ${lines[hole]?.seq}`,
    }),
  )
}

const slices = function* <Item>(all: ReadonlyArray<Item>, largest: number): Generator<ReadonlyArray<Item>> {
  for (let from = 0; from < all.length; from += largest) yield all.slice(from, from + largest)
}
