import { DateTime, Duration, Effect, Stream } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Fleet } from "../../../projections/Fleet.ts"
import { Roster } from "../../../projections/Roster.ts"
import { TooManyWatchers } from "../../EdgeRefusal.ts"
import { RouterStatus } from "../../llm/routing/RouterStatus.ts"
import { Metrics } from "../../telemetry/Metrics.ts"
import { Answers } from "../Answers.ts"
import { Closing } from "../Closing.ts"
import { isStillAdmin } from "../Exchange.ts"
import { GatewayApi } from "./GatewayApi.ts"
import { snapshotOf } from "./snapshot.ts"

const WATCHERS = 50
/** How soon a reader whose stream ended comes again, in milliseconds. */
const RETRY = 1_000

/** The gateway as it is, every second, until the reader goes or may look no more. */
export const DashboardHandlers = HttpApiBuilder.group(
  GatewayApi,
  "dashboard",
  Effect.fnUntraced(function* (handlers) {
    const answers = yield* Answers
    const closing = yield* Closing
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

    return handlers.handleAll({
      watch: () =>
        answers.to(
          Effect.fnUntraced(function* ({ member }) {
            if (watchers >= WATCHERS) return yield* new TooManyWatchers({ limit: WATCHERS })
            const events = snapshots.pipe(
              Stream.takeWhile(() => isStillAdmin(member, roster.bySlug(member.slug))),
              Stream.prepend([`retry: ${RETRY}\n\n`]),
              Stream.interruptWhen(closing.begun),
              Stream.onStart(Effect.sync(() => (watchers += 1))),
              Stream.ensuring(Effect.sync(() => (watchers -= 1))),
              Stream.encodeText,
            )
            return HttpServerResponse.stream(events, {
              contentType: "text/event-stream",
              headers: { "x-accel-buffering": "no" },
            })
          }),
        ),
    })
  }),
)
