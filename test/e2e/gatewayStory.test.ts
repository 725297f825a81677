import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import type { UsageRecord } from "../../src/domain/Usage.ts"
import { crewlog } from "../cli/crewlog.ts"
import { until } from "../support/agents.ts"
import { makeCrew } from "../support/crew.ts"
import {
  freshPlace,
  MODEL,
  NATIVE,
  openAi,
  operatorOf,
  register,
  startGateway,
  startProvider,
  watchUsage,
} from "../support/gateway.ts"
import type { RunningNode } from "../support/node.ts"
import { temporaryFolder } from "../support/servers.ts"
import { failing, type Upstream, well } from "../support/upstream.ts"
import { eventually } from "../support/usage.ts"

const WORKERS = 8
const messages = [{ role: "user" as const, content: "Say hello." }]

/** Members at work: one call after another, until they are told to stop. Nobody must see an error. */
const work = (node: RunningNode, tokens: ReadonlyArray<string>) => {
  const stop = new AbortController()
  const answered = { count: 0 }
  const worker = async (number: number) => {
    const client = openAi(node, tokens[number % tokens.length]!)
    const headers = { "crewlog-task": `TE-${number % 3}`, "crewlog-project": "team-board" }
    while (!stop.signal.aborted) {
      if (number % 2 === 0) {
        const { choices } = await client.chat.completions.create({ model: MODEL, messages }, { headers })
        assert.strictEqual(choices[0]?.message.content, "Hello there")
      } else {
        const stream = await client.chat.completions.create(
          { model: MODEL, messages, stream: true },
          { headers },
        )
        let text = ""
        for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ""
        assert.strictEqual(text, "Hello there")
      }
      answered.count += 1
    }
  }
  const working = Promise.all(Array.from({ length: WORKERS }, (_, number) => worker(number)))
  return {
    answered,
    end: Effect.promise(() => {
      stop.abort()
      return working
    }),
  }
}

interface Step {
  readonly events: ReadonlyArray<{
    readonly _tag: string
    readonly since?: string
    readonly until?: string
  }>
}

/** The events of a backend, as the log tells them. */
const storyOf = Effect.fnUntraced(function* (id: string, env: Record<string, string>) {
  const folder = yield* temporaryFolder
  const { code, err, out } = yield* crewlog(
    ["log", "history", `backend.${id}`, "--json", "--data", folder],
    env,
  )
  assert.strictEqual(code, 0, err)
  return (JSON.parse(out) as ReadonlyArray<Step>).flatMap(({ events }) => events)
})

const callsOf = ({ received }: Upstream) => received.filter(({ method }) => method === "POST")

const nano = (usd: number) => Math.round(usd * 1e9)
const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((all, one) => all + one, 0)

/** Each way of adding up what was spent comes to the same, to the billionth of a dollar. */
const addsUp = Effect.fnUntraced(function* (node: RunningNode, records: ReadonlyArray<UsageRecord>) {
  const operator = operatorOf(node)
  const total = yield* eventually(
    operator.get("/stats/total"),
    ({ body }) => body.requests - body.failed_tries >= records.length,
  )
  const spent = sum(records.map(({ cost_usd }) => nano(cost_usd)))
  assert.strictEqual(total.body.requests - total.body.failed_tries, records.length)
  assert.strictEqual(total.body.failed_tries, sum(records.map(({ failures }) => failures.length)))
  assert.strictEqual(total.body.total_tokens, sum(records.map(({ total_tokens }) => total_tokens)))
  assert.strictEqual(nano(total.body.cost_usd), spent)
  for (const way of ["hourly", "daily", "members", "tasks"]) {
    const { body } = yield* operator.get(`/stats/${way}`)
    const rows = body as ReadonlyArray<{ readonly cost_usd: number; readonly total_tokens: number }>
    assert.strictEqual(sum(rows.map(({ cost_usd }) => nano(cost_usd))), spent, way)
    assert.strictEqual(sum(rows.map(({ total_tokens }) => total_tokens)), total.body.total_tokens, way)
  }
})

describe("three backends, of which one answers 429 to everything", () => {
  it.live(
    "no caller sees it; it cools down in growing steps, comes back with one probe, and the costs add up",
    () =>
      Effect.gen(function* () {
        const place = yield* freshPlace
        const providers = yield* Effect.all([startProvider, startProvider, startProvider])
        const limited = providers[0]
        const node = yield* startGateway(place, providers, {
          env: { CREWLOG_COOLDOWN_BASE: "200 millis", CREWLOG_COOLDOWN_MAX: "1600 millis" },
        })
        const { tokens } = yield* makeCrew(node, ["ada", "bob"])
        const metered = yield* watchUsage(place)
        // What the same model costs differs from one to the other.
        const ids = yield* Effect.forEach(providers, (provider, index) =>
          register(node, provider, {
            model_mappings: {
              [MODEL]: { native_id: NATIVE, cost: { input: 1e-6 * (index + 1), output: 7e-6 / (index + 3) } },
            },
          }),
        )
        const id = ids[0]?.id ?? ""
        limited.always(failing(429, { message: "Too many requests" }))
        const { answered, end } = work(node, tokens)
        const cooldowns = operatorOf(node).get(`/stats/cooldown?backend_id=${id}`)
        yield* eventually(cooldowns, ({ body }) => body.length === 4)

        // Well again, but slow to say so: until it has, nobody else is sent there.
        let release = () => {}
        const held = new Promise<void>((resolve) => {
          release = resolve
        })
        limited.always(async (received, response) => {
          if (received.method === "POST") await held
          return well(received, response)
        })
        const refused = callsOf(limited).length
        yield* until("the probe", () => callsOf(limited).length > refused)
        const before = answered.count
        yield* until("others go on", () => answered.count > before + 30)
        assert.strictEqual(callsOf(limited).length, refused + 1)
        release()
        yield* until("it serves again", () => callsOf(limited).length > refused + 20)
        yield* end

        const records = yield* Effect.promise(() => metered.count(answered.count))
        assert.isTrue(records.every(({ outcome, status }) => outcome === "ok" && status === 200))
        assert.strictEqual(sum(records.map(({ failures }) => failures.length)), refused)

        const env = { NATS_URL: Redacted.value(place.nats.url), DATABASE_URL: place.databaseUrl }
        const story = yield* eventually(storyOf(id, env), (events) =>
          ["CooldownEnded", "RateLimitCleared"].every((tag) => events.some(({ _tag }) => _tag === tag)),
        )
        const steps = story.flatMap(({ _tag, since = "", until: end = "" }) =>
          _tag === "CooldownStarted" ? [Date.parse(end) - Date.parse(since)] : [],
        )
        assert.deepStrictEqual(steps, [200, 400, 800, 1600])
        const tags = story.map(({ _tag }) => _tag)
        assert.strictEqual(tags[0], "BackendRegistered")
        assert.deepStrictEqual(
          tags.filter((tag) => tag === "RateLimitObserved"),
          steps.map(() => "RateLimitObserved"),
        )
        assert.strictEqual(tags.filter((tag) => tag === "RateLimitCleared").length, 1)
        yield* addsUp(node, records)
      }).pipe(Effect.scoped),
    60_000,
  )
})
