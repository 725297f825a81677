import { Effect, Layer, PubSub, Stream } from "effect"
import { Announcements } from "../../src/projections/Announcements.ts"

/** Announcements within one process. */
export const LocalAnnouncements = Layer.effect(
  Announcements,
  Effect.map(PubSub.unbounded<number>(), (positions) =>
    Announcements.of({
      publish: (seq) => Effect.asVoid(PubSub.publish(positions, seq)),
      positions: Stream.fromPubSub(positions),
    }),
  ),
)

/** Announcements that are all lost. */
export const NoAnnouncements = Layer.succeed(Announcements, {
  publish: () => Effect.void,
  positions: Stream.never,
})
