import { Clock, Context, Effect, Layer, Schema } from "effect"
import { Settings } from "../config.ts"
import { Slug } from "../domain/Ids.ts"
import type { TaskEvent, TaskState } from "../domain/Task.ts"
import { ReadModel } from "../projections/ReadModel.ts"
import type { Outcome } from "./dispatch.ts"

/** The member holds as many unfinished tasks as one may (429). */
export class TooManyClaims extends Schema.TaggedError<TooManyClaims>()("TooManyClaims", {
  holder: Slug,
  limit: Schema.Int,
}) {}

/** Milliseconds for which a count is good: of a member near the limit, and of one far from it. */
const [NEAR, FAR] = [1_000, 10_000]
const PATIENCE = "250 millis"
const MEMBERS = 10_000
const CHANGES = 1_000

interface Count {
  /** Tasks held as of log position `seq`. */
  held: number
  seq: number
  askedAt: number
  /** The read model did not answer: then nobody knows. */
  away: boolean
  /** The news that this node saw since: the log position, and one task more or less. */
  since: Array<{ readonly seq: number; readonly change: number }>
  /** The sum of those changes. */
  changed: number
}

/**
 * The number of unfinished tasks that each member holds, so that nobody hoards them. A limit against abuse,
 * not a promise: counted in the read model once a second near the limit, and corrected by what this node
 * records meanwhile; while the read model is away nobody is refused.
 */
export class Claims extends Context.Service<
  Claims,
  {
    /** The refusal for who should hold no more tasks. Waits for the read model 250 ms at most. */
    readonly full: (slug: string) => Effect.Effect<TooManyClaims | undefined>
    /** Notes what became of a task, so that the next count need not wait for the read model. */
    readonly note: (outcome: Outcome<TaskState, TaskEvent>) => void
  }
>()("crewlog/commands/Claims") {
  static readonly layer = Layer.effect(
    Claims,
    Effect.gen(function* () {
      const { maxClaims: limit } = yield* Settings
      const readModel = yield* ReadModel
      const counts = new Map<string, Count>()

      const countOf = (slug: string): Count => {
        const known = counts.get(slug)
        if (known !== undefined) return known
        const never = Number.NEGATIVE_INFINITY
        const unknown: Count = { held: 0, seq: 0, askedAt: never, away: true, since: [], changed: 0 }
        if (counts.size >= MEMBERS) counts.delete(counts.keys().next().value ?? "")
        counts.set(slug, unknown)
        return unknown
      }

      const heldNow = ({ changed, held }: Count) => held + changed
      const isNear = (count: Count) => count.away || heldNow(count) >= limit / 2

      const refresh = Effect.fnUntraced(function* (slug: string, count: Count) {
        const { seq, value } = yield* readModel.held(slug, limit + CHANGES)
        count.held = value
        count.seq = seq
        count.since = count.since.filter((one) => one.seq > seq)
        count.changed = count.since.reduce((sum, { change }) => sum + change, 0)
      })

      const change = (slug: string | null, seq: number, by: number) => {
        if (slug === null) return
        const count = countOf(slug)
        count.since.push({ seq, change: by })
        count.changed += by
        if (count.since.length > CHANGES) count.changed -= count.since.shift()?.change ?? 0
      }

      const noteEvent = (event: TaskEvent, state: TaskState, seq: number) => {
        switch (event._tag) {
          case "TaskTaken":
            return change(event.assignee_slug, seq, 1)
          case "TaskAssigned":
            change(event.assignee_slug, seq, 1)
            return change(event.from, seq, -1)
          case "TaskReleased":
          case "TaskRejected":
          case "TaskDeleted":
            return change(event.from, seq, -1)
          case "TaskMoved":
            if (state._tag !== "Open" || (event.from !== "done" && event.to !== "done")) return
            return change(state.assignee_slug, seq, event.to === "done" ? -1 : 1)
          default:
            return
        }
      }

      return Claims.of({
        full: Effect.fnUntraced(function* (slug) {
          const count = countOf(slug)
          const now = yield* Clock.currentTimeMillis
          if (now - count.askedAt > (isNear(count) ? NEAR : FAR)) {
            count.askedAt = now
            count.away = yield* refresh(slug, count).pipe(Effect.timeout(PATIENCE), Effect.isFailure)
          }
          if (count.away) return undefined
          return heldNow(count) >= limit ? new TooManyClaims({ holder: slug, limit }) : undefined
        }),
        note: ({ events, repeated, seq, state }) => {
          if (!repeated) for (const event of events) noteEvent(event, state, seq)
        },
      })
    }),
  )
}
