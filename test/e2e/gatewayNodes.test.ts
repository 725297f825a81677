import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import OpenAI from "openai"
import { until } from "../support/agents.ts"
import { adminOf, makeCrew } from "../support/crew.ts"
import {
  freshPlace,
  MODEL,
  NATIVE,
  openAi,
  operatorOf,
  register,
  startGateway,
  startProvider,
} from "../support/gateway.ts"
import type { RunningNode } from "../support/node.ts"
import { chatEvents } from "../support/providerAnswers.ts"
import { failing, stall, stream, type Upstream } from "../support/upstream.ts"
import { eventually } from "../support/usage.ts"

const messages = [{ role: "user" as const, content: "Say hello." }]
const chat = (node: RunningNode, token: string, model = MODEL) =>
  openAi(node, token).chat.completions.create({ model, messages })
/** 200, or what it was refused with. */
const asked = (node: RunningNode, token: string, model?: string) =>
  Effect.promise(() =>
    chat(node, token, model).then(
      () => ({ status: 200, code: null }),
      ({ code, status }: InstanceType<typeof OpenAI.APIError>) => ({ status, code }),
    ),
  )
const callsOf = ({ received }: Upstream) => received.filter(({ method }) => method === "POST").length

const env = { CREWLOG_QUEUE_WAIT: "200 millis", CREWLOG_EMERGENCY_FRACTION: "0" }

/** Two nodes that know of each other, and agents ada and bob. */
const twoNodes = Effect.fnUntraced(function* (providers: ReadonlyArray<Upstream>) {
  const place = yield* freshPlace
  const start = startGateway(place, providers, { env })
  const first = yield* start
  const { tokens } = yield* makeCrew(first, ["ada", "bob"])
  const second = yield* start
  return { start, first, second, ada: tokens[0]!, bob: tokens[1]! }
})

/** Waits until a node knows a backend, and serves a model of it. */
const knows = (node: RunningNode, token: string, model = MODEL) =>
  eventually(asked(node, token, model), ({ status }) => status === 200)

describe("two nodes of the gateway", () => {
  it.live(
    "a cooldown that one saw holds on the other, and over a restart",
    () =>
      Effect.gen(function* () {
        const limited = yield* startProvider
        const spare = yield* startProvider
        const { ada, first, second, start } = yield* twoNodes([limited, spare])
        const { id } = yield* register(first, limited)
        yield* register(first, spare, { pool: "fallback" })
        yield* knows(second, ada)
        limited.always(failing(429, { message: "slow down" }, { "retry-after": "300" }))

        const status = (node: RunningNode) =>
          Effect.map(operatorOf(node).get(`/backends/${id}`), ({ body }) => String(body?.status))
        assert.strictEqual((yield* asked(first, ada)).status, 200)
        const since = performance.now()
        yield* eventually(status(second), (is) => is === "cooling")
        const delay = performance.now() - since
        assert.isBelow(delay, 1_000)
        const calls = callsOf(limited)
        for (const node of [first, second]) assert.strictEqual((yield* asked(node, ada)).status, 200)

        yield* first.end("SIGKILL")
        const third = yield* start
        assert.strictEqual(yield* status(third), "cooling")
        assert.strictEqual((yield* asked(third, ada)).status, 200)
        assert.strictEqual(callsOf(limited), calls)
      }).pipe(Effect.scoped),
    60_000,
  )

  it.live(
    "share out what a provider allows in a minute, and what a member may spend in a day",
    () =>
      Effect.gen(function* () {
        const provider = yield* startProvider
        const { ada, bob, first, second } = yield* twoNodes([provider])
        const nodes = [first, second]
        yield* register(first, provider, { rpm_limit: 60 })
        yield* Effect.forEach(nodes, (node) =>
          eventually(
            operatorOf(node).get("/pools"),
            ({ body }) => body[0].rpm_limit === 60 && body[0].rpm_left <= 30,
          ),
        )
        const since = performance.now()
        const answers = yield* Effect.forEach(
          Array.from({ length: 120 }, (_, n) => nodes[n % 2]!),
          (node) => asked(node, ada),
          { concurrency: 40 },
        )
        const served = answers.filter(({ status }) => status === 200).length
        const refilled = (performance.now() - since) / 1_000
        assert.isAtMost(served, 60 + Math.ceil(refilled))
        assert.isAtLeast(served, 50)
        assert.strictEqual(callsOf(provider), served)

        yield* register(first, provider, { model: "plenty" })
        yield* knows(second, ada, "plenty")
        yield* operatorOf(first).send("PUT", "/allowances/bob", { tokens_per_day: 50 })
        // 25 tokens each.
        assert.strictEqual((yield* asked(first, bob, "plenty")).status, 200)
        assert.strictEqual((yield* asked(first, bob, "plenty")).status, 200)
        for (const node of nodes) {
          const refusal = yield* eventually(asked(node, bob, "plenty"), ({ status }) => status !== 200)
          assert.deepStrictEqual(refusal, { status: 429, code: "tokens_per_day" })
        }
        assert.strictEqual((yield* asked(second, ada, "plenty")).status, 200)
      }).pipe(Effect.scoped),
    60_000,
  )

  it.live(
    "a token that is no more is refused by both at once; one of them dies in mid-stream, the other serves",
    () =>
      Effect.gen(function* () {
        const provider = yield* startProvider
        const { ada, bob, first, second } = yield* twoNodes([provider])
        yield* register(first, provider)
        yield* knows(second, bob)

        const { status } = yield* adminOf(first).post("/members/bob/token")
        assert.strictEqual(status, 200)
        const revoked = performance.now()
        assert.deepStrictEqual(yield* asked(first, bob), { status: 401, code: "unauthorized" })
        yield* eventually(asked(second, bob), (answer) => answer.status === 401)
        assert.isBelow(performance.now() - revoked, 1_000)

        provider.next(stream([...chatEvents(NATIVE, ["Hel", "lo"]).slice(0, 3), stall]))
        const texts: Array<string> = []
        const streaming = (async () => {
          const chunks = await openAi(first, ada).chat.completions.create({
            model: MODEL,
            messages,
            stream: true,
          })
          for await (const { choices } of chunks) texts.push(choices[0]?.delta.content ?? "")
          return "a clean end"
        })().catch((error: unknown) => error)
        yield* until("the stream runs", () => texts.join("") === "Hello")
        const call = provider.received.at(-1)
        yield* first.end("SIGKILL")
        assert.instanceOf(yield* Effect.promise(() => streaming), Error)
        yield* Effect.promise(() => call?.closed ?? Promise.reject(new Error("no call")))
        assert.strictEqual((yield* asked(second, ada)).status, 200)
      }).pipe(Effect.scoped),
    60_000,
  )
})
