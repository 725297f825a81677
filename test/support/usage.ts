import { Effect, Layer, Redacted } from "effect"
import { createHash, randomUUID } from "node:crypto"
import { Nats } from "../../src/adapters/nats/Connection.ts"
import { prepareStreams } from "../../src/adapters/nats/streams.ts"
import { layer as UsageLogLayer } from "../../src/adapters/nats/UsageLog.ts"
import { layer as DigestLayer } from "../../src/adapters/node/Digest.ts"
import type { NatsAccess } from "../../src/adapters/runtime/EmbeddedNats.ts"
import type { UsageRecord } from "../../src/domain/Usage.ts"

/** A request that was served; `over` has the fields that are other than usual. */
export const usageOf = (over: Partial<UsageRecord> = {}): UsageRecord => ({
  id: randomUUID(),
  at: "2026-03-01T10:30:00.000Z",
  member: "ada",
  project: null,
  task: null,
  model: "gpt-5",
  route: "chat/completions",
  is_stream: true,
  backend: "bkd_000000000001",
  lane: "primary",
  outcome: "ok",
  status: 200,
  error: null,
  failures: [],
  prompt_tokens: 100,
  completion_tokens: 50,
  total_tokens: 150,
  cached_tokens: 0,
  cache_write_tokens: 0,
  reasoning_tokens: 0,
  cost_usd: 0.001,
  is_estimated: false,
  latency_ms: 1_000,
  first_output_ms: 200,
  ...over,
})

/** The same numbers for the same seed. */
const chanceOf = (seed: string) => {
  let turn = 0
  const next = () => createHash("sha256").update(`${seed} ${turn++}`).digest().readUInt32BE() / 2 ** 32
  return {
    below: (limit: number) => Math.floor(next() * limit),
    oneOf: <Value>(...items: ReadonlyArray<Value>): Value => items[Math.floor(next() * items.length)]!,
    next,
  }
}

const BACKENDS = ["bkd_000000000001", "bkd_000000000002", "bkd_000000000003"]
const LANES = ["primary", "fallback", "emergency"] as const
// Names that a careless key would take for others.
const MODELS = ["gpt-5", "gpt 5", 'say "gpt"', "größe-🙂", "a,b", "[]", "null"]
const MEMBERS = ["ada", "bob", "-", null]

/** Requests of all kinds, over three days. */
export const randomUsage = (seed: string, count: number): ReadonlyArray<UsageRecord> => {
  const { below, next, oneOf } = chanceOf(seed)
  return Array.from({ length: count }, () => {
    const outcome = oneOf("ok", "ok", "ok", "error", "aborted", "refused")
    const backend = outcome === "refused" ? null : oneOf<string | null>(...BACKENDS, null)
    const prompt_tokens = below(5_000)
    const completion_tokens = outcome === "ok" ? below(2_000) : 0
    return usageOf({
      at: new Date(
        Date.UTC(2026, 2, 1 + below(3), below(24), below(60), below(60), below(1000)),
      ).toISOString(),
      member: oneOf(...MEMBERS),
      project: oneOf(null, "alpha", "beta"),
      task: oneOf(null, "TE-1", "TE-2", "a b"),
      model: oneOf(...MODELS),
      backend,
      lane: backend === null ? null : oneOf(...LANES),
      outcome,
      failures: Array.from({ length: below(4) }, () => ({
        backend: oneOf(...BACKENDS),
        lane: oneOf(...LANES),
        error: "rate_limited",
      })),
      prompt_tokens,
      completion_tokens,
      total_tokens: prompt_tokens + completion_tokens,
      cached_tokens: below(100),
      cache_write_tokens: below(10),
      reasoning_tokens: below(50),
      cost_usd: next() / 7,
      latency_ms: next() * 10_000,
      first_output_ms: oneOf(null, next() * 1_000),
    })
  })
}

/** The streams and, over a connection of its own, one node's view of the log of usage. */
export const usageLogOn = (access: NatsAccess, url?: string) =>
  UsageLogLayer.pipe(
    Layer.provideMerge(
      Nats.layer({ ...Redacted.value(access.backend), ...(url === undefined ? {} : { url }) }),
    ),
    Layer.provide([Layer.effectDiscard(prepareStreams(Redacted.value(access.setup))), DigestLayer]),
    Layer.fresh,
  )

/** As they go to the log. */
export const taken = (records: ReadonlyArray<UsageRecord>) => ({ records, json: JSON.stringify(records) })

/** Asks until the answer is what is waited for. */
export const eventually = <Value, Failure, Requirements>(
  question: Effect.Effect<Value, Failure, Requirements>,
  isIt: (answer: Value) => boolean,
): Effect.Effect<Value, Failure, Requirements> =>
  Effect.suspend(() =>
    Effect.flatMap(question, (answer) =>
      isIt(answer)
        ? Effect.succeed(answer)
        : Effect.andThen(Effect.sleep("5 millis"), eventually(question, isIt)),
    ),
  )
