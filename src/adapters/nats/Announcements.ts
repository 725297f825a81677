import { Effect, Layer, Option, Queue, Schema, Stream } from "effect"
import { Seq } from "../../domain/Ids.ts"
import { Announcements } from "../../projections/Announcements.ts"
import { frameText } from "../../operations/frames.ts"
import { Nats } from "./Connection.ts"
import { liveSubject } from "./liveSubject.ts"

const SUBJECT = "crew.projected"
const Announcement = Schema.fromJsonString(Schema.Struct({ seq: Seq }))
const decode = Schema.decodeUnknownOption(Announcement)

/**
 * Announcements over core NATS: nothing is stored, so what is said during an outage is lost. The
 * client subscribes anew by itself when the link is back.
 */
export const layer = Layer.effect(
  Announcements,
  Effect.map(Nats, ({ connection }) =>
    Announcements.of({
      publish: (seq, frames = []) =>
        Effect.try(() => {
          for (const frame of frames) connection.publish(liveSubject(frame), frameText(frame))
          connection.publish(SUBJECT, `{"seq":${seq}}`)
        }).pipe(Effect.catch((error) => Effect.logDebug("a position is not announced", error))),
      positions: Stream.callback<number>((queue) =>
        Effect.acquireRelease(
          Effect.sync(() =>
            connection.subscribe(SUBJECT, {
              callback: (error, message) => {
                if (error !== null) return
                const announced = decode(message.string())
                if (Option.isSome(announced)) Queue.offerUnsafe(queue, announced.value.seq)
              },
            }),
          ),
          (subscription) => Effect.sync(() => subscription.unsubscribe()),
        ).pipe(Effect.andThen(Effect.never)),
      ),
    }),
  ),
)
