import { Clock, DateTime, Effect, Layer } from "effect"
import { LaneFigures } from "../../commands/reactions/LaneFigures.ts"
import { Metrics } from "./Metrics.ts"

const labels = ["kind"]

/** The metrics of reactions, by kind. The node that leads tells what is owed, each node the attempts that it made. */
export const ReactionMetrics = Layer.effectDiscard(
  Effect.gen(function* () {
    const { currentTimeMillisUnsafe: now } = yield* Clock.Clock
    const { counts, owing } = yield* LaneFigures
    const { gauge, total } = yield* Metrics

    const ofOwing = (read: (one: { readonly count: number; readonly oldest: string }) => number) => () =>
      (owing() ?? []).map((one) => [[one.kind], read(one)] as const)
    const ofCounts = (field: "attempts" | "givenUp" | "underWay") => () =>
      Array.from(counts(), ([kind, all]) => [[kind], all[field]] as const)

    gauge(
      { name: "crewlog_owed", help: "All that is still to be done, now or at its time.", labels },
      ofOwing(({ count }) => count),
    )
    gauge(
      { name: "crewlog_owed_oldest_seconds", help: "The time since the oldest of it was due.", labels },
      ofOwing(({ oldest }) => Math.max(0, (now() - DateTime.makeUnsafe(oldest).epochMilliseconds) / 1000)),
    )
    gauge(
      { name: "crewlog_reactions_under_way", help: "Attempts that have begun and not ended.", labels },
      ofCounts("underWay"),
    )
    total(
      { name: "crewlog_reaction_attempts_total", help: "Attempts that were begun.", labels },
      ofCounts("attempts"),
    )
    total(
      { name: "crewlog_reactions_given_up_total", help: "Things owed that no attempt can do.", labels },
      ofCounts("givenUp"),
    )
  }),
)
