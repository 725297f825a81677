import { Effect } from "effect"
import type { Recorded } from "../../domain/CommitRecord.ts"
import { EventLog } from "../../domain/EventLog.ts"

const FAR_BACK = 20

/** The causes of a record: its cause, the cause of that, and so on, the nearest first. */
export const causesOf = Effect.fnUntraced(function* ({ record, seq }: Recorded<string>) {
  const log = yield* EventLog
  const causes: Array<Recorded> = []
  let [effect, cause] = [seq, record.causation]
  // A cause comes before its effect; a forged record may say otherwise, and must not lead in circles.
  while (cause !== null && cause > 0 && cause < effect && causes.length < FAR_BACK) {
    const found = yield* log.at(cause)
    if (found === undefined) break
    causes.push(found)
    effect = found.seq
    cause = found.record.causation
  }
  return causes
})
