import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import {
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
  UnprocessableEntityError,
} from "openai"
import { GatewayCrew, MODEL, NATIVE, openAi, register, withCrew } from "../support/gateway.ts"
import type { RunningNode } from "../support/node.ts"
import { chatEvents, responsesEvents } from "../support/providerAnswers.ts"
import { cut, failing, json, type Reply, stream } from "../support/upstream.ts"

const messages = [{ role: "user" as const, content: "Say hello." }]
const chat = { model: MODEL, messages }

/** The error that a call is refused with. */
const refusalOf = (call: Promise<unknown>): Promise<APIError> =>
  call.then(
    () => assert.fail("it was answered"),
    (error) => error,
  )

/** Reads a stream that must break off; answers what came of it until then. `heard` is told how much that is. */
const broken = async (chunks: AsyncIterable<unknown>, heard: (count: number) => void = () => {}) => {
  let count = 0
  try {
    for await (const _chunk of chunks) heard((count += 1))
  } catch (error) {
    return { count, error }
  }
  return assert.fail(`a clean end after ${count} chunks`)
}

/** A backend of its own for one test, that other tests leave alone. */
const backendFor = (model: string) =>
  Effect.flatMap(GatewayCrew, ({ node, provider }) => register(node, provider, { model }))

const chatWith = (node: RunningNode, token: string, model: string, maxRetries = 0) =>
  openAi(node, token, maxRetries).chat.completions.create({ model, messages })

layer(GatewayCrew.layer, { excludeTestServices: true })("OpenAI's client is told", (it) => {
  it.effect("who is not let in", () =>
    withCrew(async ({ node, provider }) => {
      const before = provider.received.length
      const refusal = await refusalOf(openAi(node, "tb-nobodys").chat.completions.create(chat))
      assert.instanceOf(refusal, AuthenticationError)
      assert.include(refusal, { status: 401, code: "unauthorized" })
      assert.strictEqual((await fetch(`${node.gateway}/v1/models`)).status, 401)
      assert.strictEqual(provider.received.length, before)
    }),
  )

  it.effect("its own limit, and when it may go on", () =>
    withCrew(async ({ metered, node, operator, provider, tokens }) => {
      await operator.call("PUT", "/allowances/bob", { requests_per_minute: 1 })
      await chatWith(node, tokens.bob, MODEL)
      const before = provider.received.length
      const refusal = await refusalOf(chatWith(node, tokens.bob, MODEL))
      assert.instanceOf(refusal, RateLimitError)
      assert.include(refusal, { code: "requests_per_minute", type: "rate_limit_error" })
      assert.isAbove(Number(refusal.headers?.get("retry-after")), 30)
      assert.include(await metered.of(refusal.requestID), { outcome: "refused", member: "bob", status: 429 })
      await operator.call("PUT", "/allowances/bob", { usd_per_day: 0.00001 })
      assert.include(await refusalOf(chatWith(node, tokens.bob, MODEL)), { status: 402, code: "usd_per_day" })
      assert.strictEqual(provider.received.length, before)
      await operator.call("DELETE", "/allowances/bob")
      await chatWith(node, tokens.bob, MODEL)
    }),
  )

  it.effect("what is its own fault, in the provider's words but for our names", () =>
    withCrew(async ({ metered, node, provider, tokens }) => {
      const error = {
        message: `${NATIVE} takes no images`,
        type: "invalid_request_error",
        param: "messages",
        code: "no_images",
      }
      for (const [status, kind] of [
        [400, BadRequestError],
        [404, NotFoundError],
        [422, UnprocessableEntityError],
      ] as const) {
        provider.next(failing(status, error))
        const refusal = await refusalOf(chatWith(node, tokens.ada, MODEL, 3))
        assert.instanceOf(refusal, kind as typeof APIError)
        assert.include(refusal, { code: "no_images", param: "messages", type: "invalid_request_error" })
        assert.strictEqual(refusal.message, `${status} ${MODEL} takes no images`)
        assert.include(await metered.of(refusal.requestID), { outcome: "error", status, total_tokens: 0 })
      }
      const refusal = await refusalOf(chatWith(node, tokens.ada, "never-heard-of"))
      assert.include(refusal, { status: 404, code: "model_not_found", param: "model" })
    }),
  )

  it.effect("that nothing is left, in a way that its own chain of fallbacks takes over from", () =>
    Effect.andThen(
      backendFor("broken"),
      withCrew(async ({ metered, node, provider, tokens }) => {
        const secret = "an error of 10.0.0.7 with sk-provider-key"
        provider.next(failing(500, { message: secret }))
        const refusal = await refusalOf(chatWith(node, tokens.ada, "broken"))
        assert.instanceOf(refusal, InternalServerError)
        assert.include(refusal, { status: 503, type: "AllPoolsExhausted", code: "all_pools_exhausted" })
        assert.notInclude(refusal.message, "10.0.0.7")
        assert.isAbove(Number(refusal.headers?.get("retry-after")), 0)
        const { failures, outcome } = await metered.of(refusal.requestID)
        assert.strictEqual(outcome, "error")
        assert.deepStrictEqual(
          failures.map(({ error }) => error),
          ["http_500"],
        )
      }),
    ),
  )

  it.effect("how long to wait, and its own second try is served after that", () =>
    Effect.andThen(
      backendFor("busy"),
      withCrew(async ({ node, provider, tokens }) => {
        provider.next(failing(429, { message: "slow down" }, { "retry-after": "2" }))
        const since = performance.now()
        const answer = await chatWith(node, tokens.ada, "busy", 1)
        assert.strictEqual(answer.model, "busy")
        assert.isAbove(performance.now() - since, 1_900)
        assert.isBelow(performance.now() - since, 5_000)
      }),
    ),
  )

  it.effect("not to try again where that is of no use", () =>
    Effect.andThen(
      backendFor("quota"),
      withCrew(async ({ metered, node, provider, tokens }) => {
        provider.next(failing(429, { message: "no money", code: "insufficient_quota" }))
        const refusal = await refusalOf(chatWith(node, tokens.ada, "quota", 5))
        assert.include(refusal, { status: 503, type: "AllPoolsExhausted" })
        assert.strictEqual(refusal.headers?.get("x-should-retry"), "false")
        await metered.of(refusal.requestID)
        assert.lengthOf(
          [...metered.records.values()].filter(({ model }) => model === "quota"),
          1,
        )
      }),
    ),
  )

  it.effect("that a stream broke off, however it did: never by a clean end", () =>
    withCrew(async ({ metered, node, provider, tokens }) => {
      const client = openAi(node, tokens.ada)
      const some = chatEvents(NATIVE, ["Hel", "lo"]).slice(0, 3)
      const told = `data: ${JSON.stringify({ error: { message: "overloaded", code: 500 } })}\n\n`
      // What breaks off before its caller was told of it was never begun: another backend may serve it.
      for (const end of [[cut], [], [told]]) {
        const heard = Promise.withResolvers<void>()
        provider.next(stream([...some, () => heard.promise, ...end]))
        const { data, request_id } = await client.chat.completions
          .create({ ...chat, stream: true })
          .withResponse()
        const { count, error } = await broken(data, (count) => {
          if (count === 3) heard.resolve()
        })
        assert.instanceOf(error, APIError)
        assert.strictEqual(count, 3)
        assert.include(await metered.of(request_id), { outcome: "error", is_estimated: true })
      }
      const begun = responsesEvents(NATIVE, ["Hel"]).slice(0, 4)
      const heard = Promise.withResolvers<void>()
      provider.next(stream([...begun, () => heard.promise, cut]))
      const { error } = await broken(
        await client.responses.create({ model: MODEL, input: "Say", stream: true }),
        () => heard.resolve(),
      )
      assert.instanceOf(error, APIError)
    }),
  )

  it.effect("nothing of a backend that fails before its first output, where another serves", () =>
    Effect.andThen(
      Effect.all([backendFor("pair"), backendFor("pair")]),
      withCrew(async ({ metered, node, provider, tokens }) => {
        const role = chatEvents(NATIVE, []).slice(0, 1)
        const failures: ReadonlyArray<readonly [Reply, string]> = [
          [failing(503), "http_503"],
          [stream([...role, cut]), "connection_lost"],
          [stream([`data: {"error":{"message":"overloaded","code":"500"}}\n\n`]), "http_500"],
          [json({ error: { message: "busy", code: 502 } }), "http_502"],
        ]
        for (const [reply, error] of failures) {
          provider.next(reply)
          const { data, request_id } = await openAi(node, tokens.ada)
            .chat.completions.create({ model: "pair", messages, stream: true })
            .withResponse()
          const texts: Array<string> = []
          for await (const { choices } of data) texts.push(choices[0]?.delta.content ?? "")
          assert.strictEqual(texts.join(""), "Hello there")
          const record = await metered.of(request_id)
          assert.include(record, { outcome: "ok", status: 200, total_tokens: 25 })
          assert.deepStrictEqual(
            record.failures.map((failure) => failure.error),
            [error],
          )
        }
      }),
    ),
  )
})
