import { Effect, Stream } from "effect"
import { EventLog, LogUnavailable } from "../../domain/EventLog.ts"

const SILENCE = "30 seconds"

/** Every record after one position up to another, then ends. What the log says it has must come. */
export const recordsBetween = (after: number, upTo: number) =>
  upTo <= after
    ? Stream.empty
    : Stream.unwrap(
        Effect.map(EventLog, (log) =>
          log.follow(after).pipe(
            Stream.takeUntil(({ seq }) => seq >= upTo),
            Stream.timeoutOrElse({
              duration: SILENCE,
              orElse: () =>
                Stream.fail(new LogUnavailable({ reason: `it gave nothing for ${SILENCE}`, unknown: false })),
            }),
          ),
        ),
      )
