import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import type { APIError } from "openai"
import { until } from "../support/agents.ts"
import { adminOf, makeCrew } from "../support/crew.ts"
import {
  freshPlace,
  NATIVE,
  openAi,
  operatorOf,
  register,
  startGateway,
  startProvider,
} from "../support/gateway.ts"
import type { NodeServers, RunningNode } from "../support/node.ts"
import { chatEvents } from "../support/providerAnswers.ts"
import { failing, stall, stream, type Upstream } from "../support/upstream.ts"
import { eventually } from "../support/usage.ts"

const messages = [{ role: "user" as const, content: "Say hello." }]

/** 200, or what it was refused with. */
const asked = (node: RunningNode, token: string, model: string) =>
  Effect.promise(() =>
    openAi(node, token)
      .chat.completions.create({ model, messages })
      .then(
        () => ({ status: 200, code: null }),
        ({ code, status }: APIError) => ({ status, code }),
      ),
  )
const callsOf = ({ received }: Upstream) => received.filter(({ method }) => method === "POST").length

interface UsedBy {
  readonly member: string | null
  readonly total_tokens: number
}

const start = (place: NodeServers, providers: ReadonlyArray<Upstream>) =>
  startGateway(place, providers, {
    env: { CREWLOG_QUEUE_WAIT: "200 millis", CREWLOG_EMERGENCY_FRACTION: "0" },
  })

/** Two nodes, two providers, and agents ada and bob. */
class TwoNodes extends Context.Service<
  TwoNodes,
  {
    readonly place: NodeServers
    readonly nodes: readonly [RunningNode, RunningNode]
    readonly providers: readonly [Upstream, Upstream]
    readonly tokens: { readonly ada: string; readonly bob: string }
  }
>()("test/e2e/TwoNodes") {
  static readonly layer = Layer.effect(
    TwoNodes,
    Effect.gen(function* () {
      const place = yield* freshPlace
      const providers = yield* Effect.all([startProvider, startProvider])
      const first = yield* start(place, providers)
      const { tokens } = yield* makeCrew(first, ["ada", "bob"])
      const nodes = [first, yield* start(place, providers)] as const
      return TwoNodes.of({ place, nodes, providers, tokens: { ada: tokens[0]!, bob: tokens[1]! } })
    }).pipe(Effect.orDie),
  )
}

/** A model that the first provider serves, once both nodes know of it. */
const served = Effect.fnUntraced(function* (model: string, more: object = {}) {
  const { nodes, providers, tokens } = yield* TwoNodes
  const { id } = yield* register(nodes[0], providers[0], { model, ...more })
  yield* eventually(asked(nodes[1], tokens.ada, model), ({ status }) => status === 200)
  return id
})

const options = { excludeTestServices: true, timeout: "60 seconds" } as const
layer(TwoNodes.layer, options)("two nodes of the gateway", (it) => {
  it.effect("two nodes of the gateway share out what a provider allows in a minute", () =>
    Effect.gen(function* () {
      const { nodes, providers, tokens } = yield* TwoNodes
      yield* register(nodes[0], providers[0], { model: "limited", rpm_limit: 60 })
      yield* Effect.forEach(nodes, (node) =>
        eventually(
          operatorOf(node).get("/pools"),
          ({ body }) => body[0].rpm_limit === 60 && body[0].rpm_left === 30,
        ),
      )
      const since = performance.now()
      const before = callsOf(providers[0])
      const answers = yield* Effect.forEach(
        Array.from({ length: 120 }, (_, n) => nodes[n % 2]!),
        (node) => asked(node, tokens.ada, "limited"),
        { concurrency: 40 },
      )
      const count = answers.filter(({ status }) => status === 200).length
      // One a second is filled up, on both together.
      assert.isAtMost(count, 60 + Math.ceil((performance.now() - since) / 1_000))
      assert.isAtLeast(count, 60)
      assert.strictEqual(callsOf(providers[0]) - before, count)
    }),
  )

  it.effect("two nodes of the gateway count together what a member spends in a day", () =>
    Effect.gen(function* () {
      const { nodes, providers, tokens } = yield* TwoNodes
      yield* served("counted")
      yield* operatorOf(nodes[0]).send("PUT", "/allowances/bob", { tokens_per_day: 50 })
      // 25 tokens each.
      for (const _ of [1, 2]) assert.strictEqual((yield* asked(nodes[0], tokens.bob, "counted")).status, 200)
      yield* eventually(operatorOf(nodes[1]).get("/stats/members"), ({ body }) =>
        body.some(({ member, total_tokens }: UsedBy) => member === "bob" && total_tokens === 50),
      )
      for (const node of nodes) {
        const before = callsOf(providers[0])
        const refusal = yield* eventually(asked(node, tokens.bob, "counted"), ({ status }) => status !== 200)
        assert.deepStrictEqual(refusal, { status: 402, code: "tokens_per_day" })
        // Of its own alone a node would let two of them through.
        assert.isAtMost(callsOf(providers[0]) - before, 1)
      }
      for (const node of nodes) assert.strictEqual((yield* asked(node, tokens.ada, "counted")).status, 200)
    }),
  )

  it.effect("both refuse at once a token that is no more", () =>
    Effect.gen(function* () {
      const { nodes, tokens } = yield* TwoNodes
      yield* served("open")
      assert.strictEqual((yield* adminOf(nodes[0]).post("/members/bob/token")).status, 200)
      const revoked = performance.now()
      assert.deepStrictEqual(yield* asked(nodes[0], tokens.bob, "open"), {
        status: 401,
        code: "unauthorized",
      })
      yield* eventually(asked(nodes[1], tokens.bob, "open"), ({ status }) => status === 401)
      assert.isBelow(performance.now() - revoked, 1_000)
    }),
  )

  it.effect(
    "one's cooldown holds on the other, also when one of them dies in mid-stream, and over a restart",
    () =>
      Effect.gen(function* () {
        const { nodes, place, providers, tokens } = yield* TwoNodes
        const [first, second] = nodes
        const [limited, spare] = providers
        const id = yield* served("story")
        yield* register(first, spare, { model: "story", pool: "fallback" })
        const status = (node: RunningNode) =>
          Effect.map(operatorOf(node).get(`/backends/${id}`), ({ body }) => String(body?.status))

        limited.next(failing(429, { message: "slow down" }, { "retry-after": "300" }))
        assert.strictEqual((yield* asked(first, tokens.ada, "story")).status, 200)
        const since = performance.now()
        yield* eventually(status(second), (is) => is === "cooling")
        assert.isBelow(performance.now() - since, 1_000)
        const before = callsOf(limited)
        for (const node of nodes) assert.strictEqual((yield* asked(node, tokens.ada, "story")).status, 200)

        spare.next(stream([...chatEvents(NATIVE, ["Hel", "lo"]).slice(0, 3), stall]))
        let text = ""
        const streaming = (async () => {
          const body = { model: "story", messages, stream: true } as const
          const chunks = await openAi(first, tokens.ada).chat.completions.create(body)
          for await (const { choices } of chunks) text += choices[0]?.delta.content ?? ""
          return "a clean end"
        })().catch((error: unknown) => error)
        yield* until("the stream runs", () => text === "Hello")
        const call = spare.received.at(-1)
        yield* first.end("SIGKILL")
        assert.instanceOf(yield* Effect.promise(() => streaming), Error)
        yield* Effect.promise(() => call?.closed ?? Promise.reject(new Error("no call")))
        assert.strictEqual((yield* asked(second, tokens.ada, "story")).status, 200)

        const third = yield* start(place, providers)
        assert.strictEqual(yield* status(third), "cooling")
        assert.strictEqual((yield* asked(third, tokens.ada, "story")).status, 200)
        assert.strictEqual(callsOf(limited), before)
      }),
  )
})
