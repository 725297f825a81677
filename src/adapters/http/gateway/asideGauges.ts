import { Effect, Layer, Schedule } from "effect"
import { SetAside } from "../../../projections/SetAside.ts"
import { Metrics } from "../../telemetry/Metrics.ts"

const LOOKED_AT = Schedule.spaced("5 seconds")

/** The metrics of what the tables do not show; while nobody can be asked they stay as they were. */
export const AsideGauges = Layer.effectDiscard(
  Effect.gen(function* () {
    const { gauge } = yield* Metrics
    const { look } = yield* SetAside
    let [records, messages] = [0, 0]
    gauge(
      {
        name: "crewlog_parked_records",
        help: "Records that the program can't project, a newer one's among them.",
      },
      () => [[[], records]],
    )
    gauge({ name: "crewlog_stray_messages", help: "Messages on the log that are no records." }, () => [
      [[], messages],
    ])
    yield* look.pipe(
      Effect.map(({ parked, strays }) => {
        records = parked.count
        messages = strays.count
      }),
      Effect.ignore,
      Effect.repeat(LOOKED_AT),
      Effect.forkScoped,
    )
  }),
)
