import { Clock, Context, Effect, FiberSet, Layer } from "effect"
import { Backends } from "../../commands/Backends.ts"
import { Settings } from "../../config.ts"
import { Fleet } from "../../projections/Fleet.ts"
import { askStatus } from "./probes/askStatus.ts"
import { GatewayNodes } from "../../gateway/routing/GatewayNodes.ts"
import { HealthProber } from "./probes/HealthProber.ts"
import { KeyRing } from "./keys/KeyRing.ts"
import { recentUse } from "../../gateway/routing/recentUse.ts"
import { Router } from "../../gateway/routing/Router.ts"
import { RouterStatus } from "../../gateway/routing/RouterStatus.ts"
import { timersBy } from "./systemTimers.ts"

/**
 * This node's router, fed with what the log, the vault and the other nodes say, and with what health probes find.
 * What it sees goes to the log in the background.
 */
export class Routing extends Context.Service<Routing, { readonly router: Router }>()(
  "crewlog/adapters/llm/Routing",
) {}

const running = Effect.gen(function* () {
  const fleet = yield* Fleet
  const keys = yield* KeyRing
  const nodes = yield* GatewayNodes
  const backends = yield* Backends
  const { privateUpstreams } = yield* Settings
  const inBackground = yield* FiberSet.makeRuntime()

  const timers = timersBy(yield* Clock.Clock)
  const router = new Router(timers, {
    observer: (observation) => void inBackground(backends.observe(observation)),
    onHealth: (id, probed) => void inBackground(backends.reportHealth(id, probed)),
  })
  const prober = new HealthProber({
    timers,
    ask: askStatus(privateUpstreams),
    random: Math.random,
    isMine: nodes.isFirst,
    report: (id, result) => router.probed(id, result),
  })
  const update = () => {
    const routes = [...fleet.backends().values()].map((backend) => ({ backend, key: keys.keyOf(backend.id) }))
    router.update(routes, fleet.options(), nodes.count(), fleet.isEmergency())
    prober.update(routes, fleet.options())
  }
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      prober.close()
      router.close()
    }),
  )

  yield* nodes.settled
  const used =
    nodes.count() === 1 ? yield* recentUse(yield* Clock.currentTimeMillis) : new Map<string, number>()
  update()
  for (const [backend, requests] of used) router.seed(backend, requests)
  for (const source of [fleet, keys, nodes]) {
    yield* Effect.acquireRelease(
      Effect.sync(() => source.onChange(update)),
      (undo) => Effect.sync(undo),
    )
  }
  // Something may have changed before they were listened to.
  update()
  return router
})

export const layer = Layer.effectContext(
  Effect.map(running, (router) =>
    Context.make(Routing, { router }).pipe(Context.add(RouterStatus, { snapshot: () => router.snapshot() })),
  ),
)
