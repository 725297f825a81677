import {
  APIError,
  APIUserAbortError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
} from "@anthropic-ai/sdk"
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { anthropic, COST, GatewayCrew, NATIVE, PROVIDER_KEY, register, withCrew } from "../support/gateway.ts"
import { messagesEvents } from "../support/providerAnswers.ts"
import { cut, failing, stall, stream } from "../support/upstream.ts"

const model = "claude"
const ask = { model, max_tokens: 100, messages: [{ role: "user" as const, content: "Say hello." }] }

/** 12 + 5 from the cache + 3 into it, and 5 out, at `COST`. */
const used = {
  model,
  member: "ada",
  route: "messages",
  outcome: "ok",
  status: 200,
  prompt_tokens: 20,
  completion_tokens: 5,
  total_tokens: 25,
  cached_tokens: 5,
  cache_write_tokens: 3,
  is_estimated: false,
} as const
const USD = 12 * COST.input + 5 * COST.cacheRead + 3 * COST.cacheWrite + 5 * COST.output

const refusalOf = (call: Promise<unknown>): Promise<APIError> =>
  call.then(
    () => assert.fail("it was answered"),
    (error) => error,
  )

layer(GatewayCrew.layer, { excludeTestServices: true })("Anthropic's client at the gateway", (it) => {
  it.effect(
    "Anthropic's client gets messages, whole and streamed, with what came from the cache on record",
    () =>
      Effect.flatMap(GatewayCrew, ({ node, provider }) =>
        // Its base URL is without `/v1`, as Anthropic's own client has it.
        register(node, provider, {
          model,
          api: "anthropic-messages",
          api_base_url: provider.url.replace(/\/v1$/, ""),
        }),
      ).pipe(
        Effect.andThen(
          withCrew(async ({ metered, node, provider, tokens }) => {
            const client = anthropic(node, tokens.ada)
            const data = await client.messages.create(ask)
            assert.strictEqual(data.model, model)
            assert.deepInclude(data.content[0], { type: "text", text: "Hello there" })
            const messages = client.messages.stream(ask)
            const seen: Array<string> = []
            messages.on("text", (text) => seen.push(text))
            const final = await messages.finalMessage()
            assert.strictEqual(final.model, model)
            assert.deepStrictEqual(seen, ["Hel", "lo ", "there"])
            assert.strictEqual(final.stop_reason, "end_turn")

            const records = await metered.count(2)
            assert.deepStrictEqual(records.map(({ is_stream }) => is_stream).toSorted(), [false, true])
            for (const record of records) {
              assert.include(record, used)
              assert.closeTo(record.cost_usd, USD, 1e-12)
            }
            for (const { headers, json, path } of provider.received.filter(
              ({ method }) => method === "POST",
            )) {
              assert.strictEqual(path, "/v1/messages")
              assert.strictEqual(json?.["model"], NATIVE)
              assert.strictEqual(headers["x-api-key"], PROVIDER_KEY)
              assert.notInclude(JSON.stringify(headers), tokens.ada)
            }
          }),
        ),
      ),
  )

  it.effect("Anthropic's client counts tokens, which costs none, and lists models", () =>
    withCrew(async ({ metered, node, tokens }) => {
      const client = anthropic(node, tokens.ada)
      const { input_tokens } = await client.messages.countTokens({ model, messages: ask.messages })
      assert.strictEqual(input_tokens, 42)
      const record = await metered.find(({ route }) => route === "messages/count_tokens")
      assert.include(record, { outcome: "ok", total_tokens: 0, cost_usd: 0 })
      const ids: Array<string> = []
      for await (const { id, type } of client.models.list()) ids.push(`${type} ${id}`)
      assert.deepStrictEqual(ids, ["model claude", "model small"])
      assert.include(await client.models.retrieve(model), { id: model, type: "model" })
    }),
  )

  it.effect("Anthropic's client is refused in Anthropic's own shape", () =>
    withCrew(async ({ node, provider, tokens }) => {
      const client = anthropic(node, tokens.ada)
      const nobody = await refusalOf(anthropic(node, "tb-nobodys").messages.create(ask))
      assert.instanceOf(nobody, AuthenticationError)
      assert.strictEqual(nobody.type, "authentication_error")
      assert.include(nobody.error as object, { type: "error" })

      const unknown = await refusalOf(client.messages.create({ ...ask, model: "small" }))
      assert.instanceOf(unknown, NotFoundError)
      assert.strictEqual(unknown.type, "not_found_error")

      provider.next(failing(400, { type: "invalid_request_error", message: "max_tokens: too large" }))
      const own = await refusalOf(client.messages.create(ask))
      assert.instanceOf(own, BadRequestError)
      assert.strictEqual(own.type, "invalid_request_error")
      assert.include(own.message, "max_tokens: too large")

      provider.next(failing(500, { type: "api_error", message: "inside" }))
      const exhausted = await refusalOf(client.messages.create(ask))
      assert.instanceOf(exhausted, InternalServerError)
      assert.strictEqual(exhausted.status, 503)
      assert.notInclude(exhausted.message, "inside")
    }),
  )

  it.effect(
    "Anthropic's client is told of a stream that breaks off, and ends the call when it goes away itself",
    () =>
      withCrew(async ({ metered, node, provider, tokens }) => {
        const client = anthropic(node, tokens.ada)
        const some = messagesEvents(NATIVE, ["Hel"]).slice(0, 4)
        for (const reply of [stream([...some, cut]), stream(some)]) {
          provider.next(reply)
          const refusal = await refusalOf(client.messages.stream(ask).finalMessage())
          assert.instanceOf(refusal, APIError)
        }
        provider.next(stream([...some, stall]))
        const messages = client.messages.stream(ask, { headers: { "crewlog-task": "GONE-1" } })
        await new Promise<void>((resolve) => messages.once("text", () => resolve()))
        messages.abort()
        assert.instanceOf(await refusalOf(messages.done()), APIUserAbortError)
        const asked = provider.received.at(-1)
        await asked?.closed
        assert.isTrue(asked?.wasAborted())
        const record = await metered.find(({ task }) => task === "GONE-1")
        assert.include(record, {
          outcome: "aborted",
          prompt_tokens: 20,
          cached_tokens: 5,
          is_estimated: true,
        })
      }),
  )
})
