import { Effect, Queue, Stream } from "effect"
import { Projected } from "../../projections/Projected.ts"
import { type Feed, type Frame, ReadModel } from "../../projections/ReadModel.ts"
import { Roster, type RosterMember } from "../../projections/Roster.ts"
import { type Closing, closings } from "./closeCodes.ts"
import { hears } from "./hears.ts"
import { pushed } from "./serverFrames.ts"

/** Frames that are read in one go. */
const PAGE = 500
/** Bytes that are replayed before the listener has to have taken them. */
const TOGETHER = 64 * 1024
/** An announcement may be lost: who listens never waits longer than this. */
const LOOK_EVERY = "1 second"
const AFTER_OUTAGE = "250 millis"

/** One who is told what happens. The hub alone writes `live` and `reached`. */
export interface Listener {
  readonly slug: string
  /** The projects it listens to, and the position from which on. */
  readonly projects: Map<string, number>
  /** Told by the hub itself; before that it is catching up, or did not begin yet. */
  live: boolean
  /** Everything up to here that it was to be told has been written. */
  reached: number
  /** Of this record it had the frames up to `idx` before it came. */
  readonly cutAt: Cut | undefined
  /** What this tick has for it. */
  readonly outbox: Array<Buffer>
  readonly isOpen: boolean
  readonly write: (frames: ReadonlyArray<Buffer>) => void
  readonly drained: Effect.Effect<void>
  readonly close: (closing: Closing) => void
}

/** Between two frames of one record. */
export interface Cut {
  readonly seq: number
  readonly idx: number
}

/** Frames that follow a position without a gap, and the position that they lead to. */
export interface FeedPage {
  readonly frames: ReadonlyArray<Frame>
  readonly end: number
  readonly isLast: boolean
}

/** Frames from here on are not all there any more. */
export interface FeedExpired {
  readonly _tag: "FeedExpired"
}

/**
 * Reads the feed once for all listeners of this node, and hands out each frame to those whom it
 * concerns: encoded once, written once a page to each (architecture.md section 7).
 */
export const makeHub = Effect.gen(function* () {
  const readModel = yield* ReadModel
  const projected = yield* Projected
  const roster = yield* Roster
  const listeners = new Set<Listener>()
  const byProject = new Map<string, Set<Listener>>()
  const wake = yield* Queue.sliding<void>(1)
  /** Up to here the feed was handed to those who are live. Meaningless while nobody is. */
  let position = 0

  const read = Effect.fnUntraced(function* (after: number) {
    const { seq, value } = yield* readModel.feed({ after, upTo: Number.MAX_SAFE_INTEGER, limit: PAGE })
    return after < value.kept
      ? yield* Effect.fail<FeedExpired>({ _tag: "FeedExpired" })
      : pageOf(after, seq, value)
  })

  const isTold = (listener: Listener, member: RosterMember | undefined, frame: Frame) => {
    if (member === undefined || !hears(member, frame)) return false
    if (frame.project_id === null) return true
    const from = listener.projects.get(frame.project_id)
    return from !== undefined && frame.seq > from
  }

  const handOut = ({ end, frames }: FeedPage) => {
    const told = new Set<Listener>()
    for (const frame of frames) {
      let bytes: Buffer | undefined
      for (const listener of frame.project_id === null
        ? listeners
        : (byProject.get(frame.project_id) ?? [])) {
        if (!listener.live || hasHad(listener, frame)) continue
        if (!isTold(listener, roster.bySlug(listener.slug), frame)) continue
        bytes ??= pushed(frame)
        listener.outbox.push(bytes)
        told.add(listener)
      }
    }
    for (const listener of told) listener.write(listener.outbox.splice(0))
    position = Math.max(position, end)
  }

  const advance = Effect.gen(function* () {
    while (listeners.size > 0) {
      const page = yield* read(position)
      handOut(page)
      if (page.isLast) return
    }
  }).pipe(
    Effect.catchTags({
      ReadModelUnavailable: ({ reason }) =>
        Effect.logDebug(`the feed is read again: ${reason}`).pipe(
          Effect.andThen(Effect.sleep(AFTER_OUTAGE)),
          Effect.andThen(Queue.offer(wake, undefined)),
        ),
      // So long away that even those who stayed have missed something for good.
      FeedExpired: () =>
        Effect.sync(() => {
          for (const listener of listeners) listener.close(closings.unavailable)
        }),
    }),
    Effect.catchDefect((defect) =>
      Effect.andThen(Effect.logError("frames can't be handed out", defect), Effect.sleep(LOOK_EVERY)),
    ),
  )

  yield* projected.changes.pipe(
    Stream.runForEach(() => (listeners.size === 0 ? Effect.void : Queue.offer(wake, undefined))),
    Effect.forkScoped,
  )
  yield* Queue.take(wake).pipe(
    Effect.timeoutOption(LOOK_EVERY),
    Effect.andThen(advance),
    Effect.forever,
    Effect.forkScoped,
  )

  const add = (listener: Listener) => {
    if (!listener.isOpen) return
    listener.live = true
    if (listeners.size === 0) Queue.offerUnsafe(wake, undefined)
    listeners.add(listener)
  }

  /** As fast as the listener reads, so that a long absence makes nobody a slow consumer. */
  const replay = Effect.fnUntraced(function* (listener: Listener, { end, frames }: FeedPage) {
    const member = roster.bySlug(listener.slug)
    let bytes = 0
    for (const frame of frames) {
      if (hasHad(listener, frame) || !isTold(listener, member, frame)) continue
      const next = pushed(frame)
      listener.outbox.push(next)
      bytes += next.length
      if (bytes < TOGETHER) continue
      bytes = 0
      listener.write(listener.outbox.splice(0))
      yield* listener.drained
      if (!listener.isOpen) return
    }
    listener.write(listener.outbox.splice(0))
    yield* listener.drained
    if (listener.isOpen) listener.reached = end
  })

  return {
    /** What follows a position now. */
    read,

    /**
     * Tells the listener everything after `listener.reached`, and whatever comes next; `first` is what
     * was read already. Ends when it is live, or closed. The step from catching up to live is one
     * synchronous comparison: nothing is missed and nothing is told twice.
     */
    join: Effect.fnUntraced(function* (listener: Listener, first?: FeedPage) {
      if (first !== undefined) yield* replay(listener, first)
      while (listener.isOpen) {
        if (listeners.size === 0) position = Math.max(position, listener.reached)
        if (listener.reached >= position) return add(listener)
        const page = yield* read(listener.reached).pipe(
          Effect.tapError(() => Effect.sleep(AFTER_OUTAGE)),
          Effect.retry({ while: ({ _tag }) => _tag === "ReadModelUnavailable" && listener.isOpen }),
          Effect.catch(() => Effect.undefined),
        )
        if (page === undefined) return listener.close(closings.unavailable)
        yield* replay(listener, page)
      }
    }),

    leave: (listener: Listener) => {
      listener.live = false
      listeners.delete(listener)
      for (const project of listener.projects.keys()) forget(byProject, project, listener)
    },

    /** From now on, or from an earlier position for one who is catching up. */
    subscribe: (listener: Listener, project: string, from = position) => {
      if (listener.projects.has(project)) return
      listener.projects.set(project, from)
      const known = byProject.get(project)
      if (known === undefined) byProject.set(project, new Set([listener]))
      else known.add(listener)
    },

    unsubscribe: (listener: Listener, project: string) => {
      listener.projects.delete(project)
      forget(byProject, project, listener)
    },

    /** Up to where the listener has been told everything. */
    reachedBy: (listener: Listener) =>
      listener.live ? Math.max(listener.reached, position) : listener.reached,
  }
})

export type Hub = Effect.Success<typeof makeHub>

/** The read model may lose its last records in a crash, and get them again when somebody has long been told. */
const hasHad = ({ cutAt, reached }: Listener, { idx, seq }: Frame): boolean =>
  seq <= reached || (seq === cutAt?.seq && idx <= cutAt.idx)

const pageOf = (after: number, seq: number, { frames }: Feed): FeedPage => {
  const isLast = frames.length < PAGE
  return { frames, isLast, end: Math.max(after, isLast ? seq : (frames.at(-1)?.seq ?? after)) }
}

const forget = (byProject: Map<string, Set<Listener>>, project: string, listener: Listener) => {
  const known = byProject.get(project)
  known?.delete(listener)
  if (known?.size === 0) byProject.delete(project)
}
