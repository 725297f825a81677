import { DateTime, Duration, Effect, Layer, Stream } from "effect"
import { isStillAdmin } from "../../../operations/Asked.ts"
import { TooManyWatchers } from "../../../operations/EdgeRefusal.ts"
import { GatewaySnapshots } from "../../../operations/GatewaySnapshots.ts"
import { Fleet } from "../../../projections/Fleet.ts"
import { Roster } from "../../../projections/Roster.ts"
import { RouterStatus } from "../../../gateway/routing/RouterStatus.ts"
import { Metrics } from "../../telemetry/Metrics.ts"
import { snapshotOf } from "./snapshot.ts"

const WATCHERS = 50
/** Milliseconds after which a reader whose stream ended comes again. */
const RETRY = 1_000

/** Snapshots of this node's gateway, as often as the option says, until the reader goes or may look no more. */
export const layer = Layer.effect(
  GatewaySnapshots,
  Effect.gen(function* () {
    const roster = yield* Roster
    const fleet = yield* Fleet
    const metrics = yield* Metrics
    const sources = { fleet, metrics, router: yield* RouterStatus }
    let watchers = 0
    metrics.gauge({ name: "sidecar_dashboard_watchers", help: "Readers of the dashboard's stream." }, () => [
      [[], watchers],
    ])

    const snapshot = Effect.map(
      DateTime.now,
      (now) => `event: snapshot\ndata: ${JSON.stringify(snapshotOf(sources, DateTime.formatIso(now)))}\n\n`,
    )
    const pause = Effect.suspend(() => Effect.sleep(Duration.seconds(fleet.options().sse_interval_seconds)))
    const snapshots = Stream.concat(
      Stream.fromEffect(snapshot),
      Stream.fromEffectRepeat(Effect.andThen(pause, snapshot)),
    )

    return GatewaySnapshots.of({
      watch: (reader) =>
        Effect.suspend(() =>
          watchers >= WATCHERS
            ? Effect.fail(new TooManyWatchers({ limit: WATCHERS }))
            : Effect.succeed(
                snapshots.pipe(
                  Stream.takeWhile(() => isStillAdmin(reader, roster.bySlug(reader.slug))),
                  Stream.prepend([`retry: ${RETRY}\n\n`]),
                  Stream.onStart(Effect.sync(() => (watchers += 1))),
                  Stream.ensuring(Effect.sync(() => (watchers -= 1))),
                ),
              ),
        ),
    })
  }),
)
