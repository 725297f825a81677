import { assert, layer } from "@effect/vitest"
import { APIUserAbortError, NotFoundError } from "openai"
import type OpenAI from "openai"
import { COST, GatewayCrew, MODEL, NATIVE, openAi, PROVIDER_KEY, withCrew } from "../support/gateway.ts"
import { chatEvents } from "../support/providerAnswers.ts"
import { silent, stall, stream } from "../support/upstream.ts"

const messages = [{ role: "user" as const, content: "Say hello." }]
const chat = { model: MODEL, messages }

/** The usage of the provider's answers, and its price at `COST`. */
const used = {
  model: MODEL,
  member: "ada",
  outcome: "ok",
  status: 200,
  prompt_tokens: 20,
  completion_tokens: 5,
  total_tokens: 25,
  cached_tokens: 8,
  is_estimated: false,
} as const
const USD = 12 * COST.input + 8 * COST.cacheRead + 5 * COST.output

layer(GatewayCrew.layer, { excludeTestServices: true })("OpenAI's client at the gateway", (it) => {
  it.effect("OpenAI's client gets whole answers of every route under its own name of the model", () =>
    withCrew(async ({ metered, node, provider, tokens }) => {
      const client = openAi(node, tokens.ada)
      const asked = [
        ["chat/completions", client.chat.completions.create(chat)],
        ["completions", client.completions.create({ model: MODEL, prompt: "Say" })],
        ["responses", client.responses.create({ model: MODEL, input: "Say" })],
      ] as const
      for (const [route, asking] of asked) {
        const { data, request_id } = await asking.withResponse()
        assert.strictEqual(data.model, MODEL)
        const record = await metered.of(request_id)
        assert.include(record, { ...used, route, is_stream: false })
        assert.closeTo(record.cost_usd, USD, 1e-12)
      }
      const { data, request_id } = await client.embeddings
        .create({ model: MODEL, input: "Say" })
        .withResponse()
      assert.deepStrictEqual(data.data[0]?.embedding, [0.25, -0.5, 0.125])
      assert.include(await metered.of(request_id), {
        route: "embeddings",
        prompt_tokens: 4,
        total_tokens: 4,
      })
      for (const { headers, json } of provider.received.filter(({ method }) => method === "POST")) {
        assert.strictEqual(json?.["model"], NATIVE)
        assert.strictEqual(headers.authorization, `Bearer ${PROVIDER_KEY}`)
        assert.notInclude(JSON.stringify(headers), tokens.ada)
      }
    }),
  )

  it.effect("streams a chat, and is told the usage only where it asked for it", () =>
    withCrew(async ({ metered, node, provider, tokens }) => {
      for (const wantsUsage of [false, true]) {
        const { data, request_id } = await openAi(node, tokens.ada)
          .chat.completions.create({
            ...chat,
            stream: true,
            ...(wantsUsage ? { stream_options: { include_usage: true } } : {}),
          })
          .withResponse()
        const chunks: Array<OpenAI.ChatCompletionChunk> = []
        for await (const chunk of data) chunks.push(chunk)
        const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")
        assert.strictEqual(text, "Hello there")
        assert.deepStrictEqual([...new Set(chunks.map(({ model }) => model))], [MODEL])
        const told = chunks.flatMap(({ choices, usage }) =>
          choices.length === 0 ? [usage?.total_tokens] : [],
        )
        assert.deepStrictEqual(told, wantsUsage ? [25] : [])
        assert.deepStrictEqual(provider.received.at(-1)?.json?.["stream_options"], { include_usage: true })
        const record = await metered.of(request_id)
        assert.include(record, { ...used, is_stream: true })
        assert.closeTo(record.cost_usd, USD, 1e-12)
        assert.isNotNull(record.first_output_ms)
      }
    }),
  )

  it.effect("streams completions and responses", () =>
    withCrew(async ({ metered, node, tokens }) => {
      const client = openAi(node, tokens.ada)
      const completions = await client.completions
        .create({ model: MODEL, prompt: "Say", stream: true })
        .withResponse()
      let text = ""
      for await (const { choices, model } of completions.data) {
        text += choices[0]?.text ?? ""
        assert.strictEqual(model, MODEL)
      }
      assert.strictEqual(text, "Hello there")
      assert.include(await metered.of(completions.request_id), { ...used, route: "completions" })

      const responses = await client.responses
        .create({ model: MODEL, input: "Say", stream: true })
        .withResponse()
      const events: Array<OpenAI.Responses.ResponseStreamEvent> = []
      for await (const event of responses.data) events.push(event)
      const end = events.at(-1)
      assert.strictEqual(end?.type, "response.completed")
      for (const event of events) if ("response" in event) assert.strictEqual(event.response.model, MODEL)
      assert.include(await metered.of(responses.request_id), { ...used, route: "responses" })
    }),
  )

  it.effect("OpenAI's client lists the models that backends map, without a call to any", () =>
    withCrew(async ({ node, provider, tokens }) => {
      const client = openAi(node, tokens.ada)
      const before = provider.received.length
      const { data } = await client.models.list()
      assert.deepStrictEqual(
        data.map(({ id }) => id),
        [MODEL],
      )
      assert.include(await client.models.retrieve(MODEL), { id: MODEL, object: "model", owned_by: "crewlog" })
      const refusal = await client.models.retrieve("large").catch((error: unknown) => error)
      assert.instanceOf(refusal, NotFoundError)
      assert.include(refusal, { code: "model_not_found" })
      assert.strictEqual(provider.received.length, before)
    }),
  )

  it.effect("that goes away in mid-stream ends the call to the provider; what it used is on record", () =>
    withCrew(async ({ metered, node, provider, tokens }) => {
      provider.next(stream([...chatEvents(NATIVE, ["Hel", "lo "]).slice(0, 3), stall]))
      const { data, request_id } = await openAi(node, tokens.ada)
        .chat.completions.create({ ...chat, stream: true })
        .withResponse()
      for await (const { choices } of data) if (choices[0]?.delta.content === "lo ") break
      const asked = provider.received.at(-1)
      await asked?.closed
      assert.isTrue(asked?.wasAborted())
      const record = await metered.of(request_id)
      assert.include(record, { outcome: "aborted", error: "client_gone", is_estimated: true })
      assert.isAbove(record.completion_tokens, 0)
      assert.isAbove(record.cost_usd, 0)
    }),
  )

  it.effect("that goes away before the first output does so, too", () =>
    withCrew(async ({ metered, node, provider, tokens }) => {
      const before = provider.received.length
      provider.next(silent)
      const going = new AbortController()
      const label = { "crewlog-task": "GONE-1" }
      const asking = openAi(node, tokens.ada)
        .chat.completions.create(chat, { signal: going.signal, headers: label })
        .catch((error: unknown) => error)
      const asked = await provider.request(before + 1)
      going.abort()
      assert.instanceOf(await asking, APIUserAbortError)
      await asked.closed
      assert.include(await metered.find(({ task }) => task === "GONE-1"), {
        outcome: "aborted",
        total_tokens: 0,
      })
    }),
  )

  it.effect("OpenAI's client notices nothing of a backend's key being replaced", () =>
    withCrew(async ({ node, operator, provider, tokens }) => {
      const [{ id }] = (await operator.call("GET", "/backends")).body as readonly [{ readonly id: string }]
      const client = openAi(node, tokens.ada)
      const going = new AbortController()
      const asking = Array.from({ length: 4 }, async () => {
        while (!going.signal.aborted) await client.chat.completions.create(chat)
      })
      for (const n of ["1", "2", "3", "4", "5"]) {
        const api_key = `sk-provider-of-time-${n}`
        assert.strictEqual((await operator.call("POST", `/backends/${id}/key`, { api_key })).status, 200)
        await client.chat.completions.create(chat, { headers: { "idempotency-key": n } })
        const asked = provider.received.find(({ headers }) => headers["idempotency-key"] === n)
        assert.strictEqual(asked?.headers.authorization, `Bearer ${api_key}`)
      }
      going.abort()
      await Promise.all(asking)
    }),
  )
})
