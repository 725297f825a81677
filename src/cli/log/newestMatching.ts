import { Effect, Stream } from "effect"
import type { Recorded } from "../../domain/CommitRecord.ts"
import { EventLog } from "../../domain/EventLog.ts"
import { isStray } from "../../domain/Line.ts"

const FIRST_WINDOW = 1_000
const GROWTH = 4

/** The newest `wanted` records up to `end` that match, oldest first. Reads back in windows, each larger than the last. */
export const newestMatching = Effect.fnUntraced(function* (
  matches: (recorded: Recorded<string>) => boolean,
  wanted: number,
  { first, last: end }: { readonly first: number; readonly last: number },
) {
  const log = yield* EventLog
  let found: ReadonlyArray<Recorded<string>> = []
  let to = end
  for (let size = FIRST_WINDOW; found.length < wanted && to >= Math.max(first, 1); size *= GROWTH) {
    const after = Math.max(first - 1, to - size, 0)
    const last = to
    const older = yield* log.follow(after).pipe(
      Stream.takeUntil(({ seq }) => seq >= last),
      Stream.filter((line): line is Recorded<string> => !isStray(line) && matches(line)),
      Stream.runCollect,
    )
    found = [...older, ...found].slice(-wanted)
    to = after
  }
  return found
})
