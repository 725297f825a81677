import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer } from "effect"
import { Dispatcher } from "../../src/commands/dispatch.ts"
import { Plan, PlanCommand } from "../../src/domain/Plan.ts"
import { until } from "../adapters/postgres/schemas.ts"
import { sumOf } from "../adapters/telemetry/prometheus.ts"
import { envelope, FreshDispatcher } from "../support/commands.ts"
import { makeCrew } from "../support/crew.ts"
import { logOn } from "../support/log.ts"
import { startNode } from "../support/node.ts"
import { freshDatabase, freshNats } from "../support/servers.ts"

const TWO_MINUTES = 120_000

/** The clock of a program that did something two minutes ago, and died right after it. */
const earlier = Effect.map(Clock.Clock, (clock): Clock.Clock => ({
  sleep: (duration) => clock.sleep(duration),
  currentTimeNanos: clock.currentTimeNanos,
  currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe(),
  monotonicTimeNanos: clock.monotonicTimeNanos,
  monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
  currentTimeMillis: Effect.map(clock.currentTimeMillis, (now) => now - TWO_MINUTES),
  currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() - TWO_MINUTES,
}))

describe("a plan that nobody told the task of", () => {
  it.live(
    "reaches the task a minute later, on whichever node leads, and metrics and history tell",
    () =>
      Effect.gen(function* () {
        const nats = yield* freshNats
        const place = { nats, databaseUrl: yield* freshDatabase }
        const [first, second] = [yield* startNode(place), yield* startNode(place)]
        const { admin, project } = yield* makeCrew(first, [])
        const make = (title: string) =>
          Effect.map(admin.post("/tasks?project_slug=team-board", { title }), ({ body }) => String(body.id))
        const [task, other] = [yield* make("Paint"), yield* make("Build")]

        const command = PlanCommand.cases.PlanDependencies.make({ task_id: task, depends_on: [other] })
        const { seq } = yield* Effect.gen(function* () {
          const dispatcher = yield* Dispatcher
          const plan = dispatcher.dispatch(Plan, project.id, command, envelope(":plan"))
          return yield* Effect.provideService(plan, Clock.Clock, yield* earlier)
        }).pipe(Effect.provide(FreshDispatcher.pipe(Layer.provide(logOn(nats)))))

        const told = yield* until(
          admin.get(`/tasks/${task}`),
          ({ body }) => JSON.stringify(body.depends_on) === JSON.stringify([other]),
        )
        assert.strictEqual(told.status, 200)
        const history = yield* admin.get(`/tasks/${task}/history`)
        const last = history.body.at(-1)
        assert.strictEqual(last.command, `:dependencies:${seq}:1`)
        assert.strictEqual(last.causation, seq)

        const texts = yield* Effect.forEach([first, second], ({ metrics }) =>
          Effect.promise(() => fetch(`${metrics}/metrics`).then((answer) => answer.text())),
        )
        const sums = texts.map((text) =>
          sumOf(text, "crewlog_reaction_attempts_total", { kind: "dependencies" }),
        )
        assert.deepStrictEqual(sums.toSorted(), [0, 1])
      }).pipe(Effect.scoped),
    60_000,
  )
})
