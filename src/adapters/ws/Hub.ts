import { Effect, Queue, Stream } from "effect"
import { hears } from "../../operations/hears.ts"
import { Projected } from "../../projections/Projected.ts"
import type { Frame } from "../../projections/ReadModel.ts"
import { Roster } from "../../projections/Roster.ts"
import { Audience } from "./Audience.ts"
import { closings } from "./closeCodes.ts"
import { makeFeedPages } from "./feedPages.ts"
import { type FeedPage, hasHad, type Listener, type Since } from "./Listener.ts"
import { pushed } from "./serverFrames.ts"

/** Bytes that are replayed before the listener has to have taken them. */
const TOGETHER = 64 * 1024
/** An announcement may be lost: no listener ever waits longer than this. */
const LOOK_EVERY = "1 second"
const AFTER_OUTAGE = "250 millis"

/** Position and listeners of a node's feed: up to `position` it was handed to those who are live. */
interface Desk {
  readonly audience: Audience
  readonly roster: Roster["Service"]
  /** Meaningless while nobody is live. */
  position: number
}

const isTold = ({ roster }: Desk, listener: Listener, frame: Frame): boolean => {
  const member = roster.bySlug(listener.slug)
  if (member === undefined || !hears(member, frame)) return false
  if (frame.project_id === null) return true
  const from = listener.projects.get(frame.project_id)
  return from !== undefined && frame.seq > from
}

/** Gives each frame to those whom it concerns: encoded once, written once a page to each. */
const handOut = (desk: Desk, { end, frames }: FeedPage): void => {
  const told = new Set<Listener>()
  for (const frame of frames) {
    let bytes: Buffer | undefined
    for (const listener of desk.audience.of(frame)) {
      if (!listener.live || hasHad(listener, frame) || !isTold(desk, listener, frame)) continue
      bytes ??= pushed(frame)
      listener.outbox.push(bytes)
      told.add(listener)
    }
  }
  for (const listener of told) listener.write(listener.outbox.splice(0))
  desk.position = Math.max(desk.position, end)
}

/** Writes as fast as the listener reads, so that a long absence makes nobody a slow consumer. */
const writeSlowly = Effect.fnUntraced(function* (
  listener: Listener,
  frames: ReadonlyArray<Frame>,
  isWanted: (frame: Frame) => boolean,
) {
  let bytes = 0
  for (const frame of frames) {
    if (!isWanted(frame)) continue
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
})

const replay = Effect.fnUntraced(function* (desk: Desk, listener: Listener, { end, frames }: FeedPage) {
  yield* writeSlowly(listener, frames, (frame) => !hasHad(listener, frame) && isTold(desk, listener, frame))
  if (listener.isOpen) listener.reached = end
})

type Read = Effect.Success<typeof makeFeedPages>

/** Hands out all that follows the desk's position now. */
const advance = (desk: Desk, read: Read, wake: Queue.Queue<void>) =>
  Effect.gen(function* () {
    while (desk.audience.all.size > 0) {
      const page = yield* read(desk.position)
      handOut(desk, page)
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
          for (const listener of desk.audience.all) listener.close(closings.unavailable)
        }),
    }),
    Effect.catchDefect((defect) =>
      Effect.andThen(Effect.logError("frames can't be handed out", defect), Effect.sleep(LOOK_EVERY)),
    ),
  )

/**
 * Tells the listener everything after `listener.reached`, and whatever comes next; `first` was read already. Ends
 * when it is live, or closed. The step from catching up to live is one synchronous comparison: nothing is missed
 * and nothing is told twice.
 */
const join = Effect.fnUntraced(function* (
  desk: Desk,
  read: Read,
  goLive: (listener: Listener) => void,
  listener: Listener,
  first: FeedPage | undefined,
) {
  if (first !== undefined) yield* replay(desk, listener, first)
  while (listener.isOpen) {
    if (desk.audience.all.size === 0) desk.position = Math.max(desk.position, listener.reached)
    if (listener.reached >= desk.position) return goLive(listener)
    const page = yield* readFor(read, listener, listener.reached).pipe(Effect.catch(() => Effect.undefined))
    if (page === undefined) return listener.close(closings.unavailable)
    yield* replay(desk, listener, page)
  }
})

/** Reads a page, again for as long as the read model is away and somebody waits. */
const readFor = (read: Read, listener: Listener, after: number) =>
  read(after).pipe(
    Effect.tapErrorTag("ReadModelUnavailable", () => Effect.sleep(AFTER_OUTAGE)),
    Effect.retry({ while: ({ _tag }) => _tag === "ReadModelUnavailable" && listener.isOpen }),
  )

/**
 * Tells a listener that was live what it missed of one project between `since` and now, and then what comes next of
 * all. Meanwhile nothing else is told, so that the project's frames stay in their order.
 */
const makeUp = Effect.fnUntraced(function* (
  desk: Desk,
  read: Read,
  listener: Listener,
  project: string,
  { cutAt, from }: Since,
) {
  listener.live = false
  listener.reached = Math.max(listener.reached, desk.position)
  const upTo = listener.reached
  const had = { reached: from, cutAt }
  const isMissed = (frame: Frame) => {
    const member = desk.roster.bySlug(listener.slug)
    const isOfProject = frame.project_id === project && frame.seq <= upTo && !hasHad(had, frame)
    return isOfProject && member !== undefined && hears(member, frame)
  }
  for (let after = from; after < upTo && listener.isOpen;) {
    const page = yield* readFor(read, listener, after)
    yield* writeSlowly(listener, page.frames, isMissed)
    if (page.isLast) break
    after = page.end
  }
  if (listener.isOpen) desk.audience.subscribe(listener, project, upTo)
})

/** Reads the feed once for all listeners of this node (architecture.md section 7). */
export const makeHub = Effect.gen(function* () {
  const projected = yield* Projected
  const read = yield* makeFeedPages
  const wake = yield* Queue.sliding<void>(1)
  const desk: Desk = { audience: new Audience(), roster: yield* Roster, position: 0 }
  const { audience } = desk

  yield* projected.changes.pipe(
    Stream.runForEach(() => (audience.all.size === 0 ? Effect.void : Queue.offer(wake, undefined))),
    Effect.forkScoped,
  )
  yield* Queue.take(wake).pipe(
    Effect.timeoutOption(LOOK_EVERY),
    Effect.andThen(advance(desk, read, wake)),
    Effect.forever,
    Effect.forkScoped,
  )

  const goLive = (listener: Listener) => {
    if (!listener.isOpen) return
    listener.live = true
    if (audience.all.size === 0) Queue.offerUnsafe(wake, undefined)
    audience.add(listener)
  }

  return {
    read,
    join: (listener: Listener, first?: FeedPage) => join(desk, read, goLive, listener, first),
    /** A connection that was resumed names one more project: refused when some of what it missed is gone. */
    makeUp: (listener: Listener, project: string, since: Since) =>
      makeUp(desk, read, listener, project, since).pipe(
        Effect.catchTag("ReadModelUnavailable", () => Effect.void),
        Effect.ensuring(join(desk, read, goLive, listener, undefined)),
      ),
    leave: (listener: Listener) => {
      listener.live = false
      audience.leave(listener)
    },
    /** From now on, or from an earlier position for a listener that is catching up. */
    subscribe: (listener: Listener, project: string, from = desk.position) =>
      audience.subscribe(listener, project, from),
    unsubscribe: (listener: Listener, project: string) => audience.unsubscribe(listener, project),
    /** Up to where the listener has been told everything. */
    reachedBy: (listener: Listener) =>
      listener.live ? Math.max(listener.reached, desk.position) : listener.reached,
  }
})

export type Hub = Effect.Success<typeof makeHub>
