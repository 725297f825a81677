import { Clock, Context, Effect, Layer } from "effect"
import type { UsageRecord } from "../../domain/Usage.ts"
import { Fleet } from "../../projections/Fleet.ts"
import { LastMinute, type Minute } from "./LastMinute.ts"
import { Registry } from "./Registry.ts"

/** Seconds. */
const LATENCIES = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
const CODE = /^[a-z][a-z0-9_]{0,49}$/

/**
 * The work of this node's gateway since it started, for Prometheus and the dashboard. Calls cost a few
 * additions and never fail. No label has a value that a caller could choose: models that no backend maps are
 * `other`.
 */
export class Metrics extends Context.Service<
  Metrics,
  {
    /** Counts a request that is over. */
    readonly request: (used: UsageRecord) => void
    /** A number to be asked for whenever the metrics are. */
    readonly gauge: Registry["gauge"]
    /** The same for a number that only grows. */
    readonly total: Registry["total"]
    readonly lastMinute: () => Minute
    /** All of them, in the text format of Prometheus. */
    readonly text: () => string
  }
>()("crewlog/adapters/telemetry/Metrics") {
  static readonly layer = Layer.effect(
    Metrics,
    Effect.gen(function* () {
      const { currentTimeMillisUnsafe: now } = yield* Clock.Clock
      const fleet = yield* Fleet
      const registry = new Registry()
      const count = countingIn(registry)
      const minute = new LastMinute()
      const isMapped = yield* mappedModels(fleet)
      processGauges(registry, now)

      return Metrics.of({
        request: (used) => {
          const { cost_usd, outcome, total_tokens } = used
          const isError = outcome === "error" || outcome === "refused"
          const done = { requests: 1, errors: isError ? 1 : 0, tokens: total_tokens, cost_usd }
          minute.add(now(), done)
          count(used, isMapped(used.model) ? used.model : "other", isError)
        },
        gauge: (described, read) => registry.gauge(described, read),
        total: (described, read) => registry.total(described, read),
        lastMinute: () => minute.read(now()),
        text: () => registry.text(),
      })
    }),
  )
}

const codeOf = (error: string | null) => (error !== null && CODE.test(error) ? error : "other")

const countersOf = (registry: Registry) => {
  const where = ["pool", "backend", "model"]
  const requests = registry.counter({
    name: "sidecar_requests_total",
    help: "Requests that are over.",
    labels: [...where, "outcome"],
  })
  const errors = registry.counter({
    name: "sidecar_errors_total",
    help: "Requests whose caller was told of a failure.",
    labels: [...where, "error"],
  })
  const failures = registry.counter({
    name: "sidecar_attempts_failed_total",
    help: "Tries at a backend that did not serve, and after which another was tried.",
    labels: ["pool", "backend", "error"],
  })
  const tokens = registry.counter({
    name: "sidecar_tokens_total",
    help: "Tokens that requests used.",
    labels: [...where, "type"],
  })
  const cost = registry.counter({
    name: "sidecar_cost_total",
    help: "What requests cost, in USD.",
    labels: where,
  })
  const emergencies = registry.counter({
    name: "sidecar_emergency_count",
    help: "Requests that the emergency lane served.",
  })
  const seconds = registry.histogram(
    {
      name: "sidecar_request_duration_seconds",
      help: "From the request to the end of its answer.",
      labels: ["pool", "outcome"],
    },
    LATENCIES,
  )
  const firstOutput = registry.histogram(
    {
      name: "sidecar_first_output_seconds",
      help: "From the request to the first output of the model.",
      labels: ["pool"],
    },
    LATENCIES,
  )

  return { cost, emergencies, errors, failures, firstOutput, requests, seconds, tokens }
}

/** Counts requests, each in the series that it belongs to. */
const countingIn = (registry: Registry) => {
  const { cost, emergencies, errors, failures, firstOutput, requests, seconds, tokens } = countersOf(registry)

  /** The series of a place; those that not every request counts for are there when the first does. */
  const seriesOf = (pool: string, backend: string, model: string) => {
    const place = [pool, backend, model]
    return {
      place,
      outcome: remembered((outcome: string) => ({
        requests: requests.of([...place, outcome]),
        seconds: seconds.of([pool, outcome]),
      })),
      tokens: remembered((type: string) => tokens.of([...place, type])),
      cost: once(() => cost.of(place)),
      firstOutput: once(() => firstOutput.of([pool])),
    }
  }
  // Found value by value, since making one key of all of them costs more.
  const places = remembered((pool: string) =>
    remembered((backend: string) => remembered((model: string) => seriesOf(pool, backend, model))),
  )

  return (used: UsageRecord, model: string, isError: boolean) => {
    const series = places(used.lane ?? "none")(used.backend ?? "none")(model)
    const { requests, seconds } = series.outcome(used.outcome)
    requests.count += 1
    seconds.observe(used.latency_ms / 1000)
    if (isError) errors.of([...series.place, codeOf(used.error)]).count += 1
    for (const { backend, error, lane } of used.failures) {
      failures.of([lane, backend, codeOf(error)]).count += 1
    }
    if (used.prompt_tokens > 0) series.tokens("prompt").count += used.prompt_tokens
    if (used.completion_tokens > 0) series.tokens("completion").count += used.completion_tokens
    if (used.cost_usd > 0) series.cost().count += used.cost_usd
    if (used.lane === "emergency") emergencies.of([]).count += 1
    if (used.first_output_ms !== null) series.firstOutput().observe(used.first_output_ms / 1000)
  }
}

const once = <Made>(make: () => Made) => {
  let made: Made | undefined
  return () => (made ??= make())
}

/** Makes something of each text once. */
const remembered = <Made>(make: (text: string) => Made) => {
  const known = new Map<string, Made>()
  return (text: string): Made => {
    const before = known.get(text)
    if (before !== undefined) return before
    const made = make(text)
    known.set(text, made)
    return made
  }
}

/** The models that any backend maps: a set, made anew after backends have changed. */
const mappedModels = Effect.fnUntraced(function* ({ backends, onChange }: Fleet["Service"]) {
  let models: ReadonlySet<string> | undefined
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      onChange(() => {
        models = undefined
      }),
    ),
    (undo) => Effect.sync(undo),
  )
  return (model: string) => {
    models ??= new Set([...backends().values()].flatMap(({ model_mappings }) => Object.keys(model_mappings)))
    return models.has(model)
  }
})

const processGauges = (registry: Registry, now: () => number) => {
  const started = now()
  registry.gauge({ name: "sidecar_uptime_seconds", help: "Since this process began." }, () => [
    [[], (now() - started) / 1000],
  ])
  registry.gauge({ name: "process_resident_memory_bytes", help: "Resident memory." }, () => [
    [[], process.memoryUsage.rss()],
  ])
  registry.gauge({ name: "nodejs_heap_used_bytes", help: "The heap's part that is in use." }, () => [
    [[], process.memoryUsage().heapUsed],
  ])
}
