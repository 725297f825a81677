import { Effect } from "effect"
import { type EventLog, LogDamaged } from "../domain/EventLog.ts"
import { hashOf } from "../domain/Line.ts"
import type { Checkpoint } from "./Store.ts"

const WHAT_TO_DO =
  "Nothing is projected, so that nothing wrong is served. Bring back the log that the read model was made from; " +
  "or, if this log is the right one, make the read model anew from it with `crewlog rebuild --force` (docs/runbooks/damaged-log.md)."

/**
 * Is this the log that the read model was made from, as far as it got? A restored, truncated or
 * replaced log is refused, not guessed at (promises.md P5).
 */
export const checkLog = Effect.fn("checkLog")(function* (log: EventLog["Service"], checkpoint: Checkpoint) {
  const { hash, seq } = checkpoint
  const head = yield* log.head
  const refuse = (reason: string) => Effect.fail(new LogDamaged({ seq, reason: `${reason}. ${WHAT_TO_DO}` }))
  if (seq === 0) return head

  if (head.epoch !== checkpoint.log) {
    return yield* refuse(
      `this log was created ${head.epoch}, the read model was made from one that was created ${checkpoint.log}`,
    )
  }
  if (head.last < seq) {
    return yield* refuse(`the log ends at ${head.last}, the read model has seen it up to ${seq}`)
  }
  const line = yield* log.line(seq)
  const found = line && hashOf(line)
  if (found !== hash) {
    return yield* refuse(
      `record ${seq} has the hash ${found ?? "of nothing: it is missing"}, ` +
        `the read model knows it with ${hash}`,
    )
  }
  return head
})
