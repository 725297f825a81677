import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeCrew } from "../support/crew.ts"
import {
  anthropic,
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
import { ADMIN_TOKEN, type RunningNode } from "../support/node.ts"
import { chatAnswer, chatEvents, messagesAnswer } from "../support/providerAnswers.ts"
import { storedOn } from "../support/stored.ts"
import { cut, failing, json, type Reply, stream, type Upstream, well } from "../support/upstream.ts"
import { eventually } from "../support/usage.ts"

/** A mask shows the first 6 and the last 4 characters of a key, and nothing of this; it does not look like a key. */
const KEY_WORD = "canary5d1e"
const key = (name: string) => `0a1b2c.${name}.${KEY_WORD}.wxyz`
const SAID = "canary-prompt-77a0"
const ANSWERED = "canary-answer-c3f2"

/** Calls of all kinds, each with an answer that says all it knows. */
const callAll = async (node: RunningNode, provider: Upstream, token: string) => {
  const told: Array<string> = []
  const messages = [{ role: "user" as const, content: SAID }]
  const error = {
    message: `${key("two")} ${NATIVE}: ${SAID}`,
    type: "t",
    code: "c",
    param: null,
  }
  const whole = { ...messagesAnswer(NATIVE), ...chatAnswer(NATIVE, ANSWERED) }
  const some = chatEvents(NATIVE, [ANSWERED])
  const replies: ReadonlyArray<Reply> = [
    json(whole),
    stream(some),
    stream([...some.slice(0, 2), cut]),
    stream([...some.slice(0, 2), `data: ${JSON.stringify({ error })}\n\n`]),
    ...[400, 401, 403, 404, 413, 422, 429, 500, 503].map((status) => failing(status, error)),
    (_received, response) => void response.writeHead(200, { "x-key": "k" }).end(`{"never": "${key("two")}`),
  ]
  const before = provider.received.length
  for (const reply of replies) {
    for (const isStream of [true, false]) {
      // A new key is probed, too: probes are answered as ever.
      provider.always((received, response) => (received.method === "POST" ? reply : well)(received, response))
      const answer = await fetch(`${node.gateway}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "x-word": SAID },
        body: JSON.stringify({ model: MODEL, messages, stream: isStream }),
      })
      told.push(JSON.stringify([...answer.headers]), await answer.text().catch(String))
      // Cooled down, or refused its key: enabled anew, it is asked again.
      for (const { id } of (await operatorOf(node).call("GET", "/backends")).body) {
        await operatorOf(node).call("POST", `/backends/${id}/key`, { api_key: key("two") })
      }
    }
  }
  assert.isAtLeast(provider.received.length - before, 2 * replies.length)
  return told
}

/** Every route that can be read, and commands that go well and that do not. */
const administer = async (node: RunningNode, id: string) => {
  const operator = operatorOf(node)
  const answers = [
    await operator.call("PUT", `/backends/${id}`, { api_key: key("two"), label: "changed" }),
    await operator.call("POST", `/backends/${id}/key`, { api_key: key("two") }),
    await operator.call("POST", `/backends/${id}/key`, { api_key: `${key("two")} and more` }),
    await operator.call("POST", `/backends/${id}/key`, { api_key: [key("two")] }),
    await operator.call("PUT", `/backends/${id}`, { api_key: key("two"), rpm_limit: "many" }),
    await operator.call("PUT", `/backends/bkd_000000000000`, { api_key: key("two") }),
    await operator.call("POST", "/backends", { name: "", api_base_url: key("two"), api_key: key("two") }),
    await operator.call("POST", "/backends", key("two")),
    await operator.call("PUT", "/allowances/ada", { usd_per_day: 1 }),
  ]
  const paths = ["/backends", `/backends/${id}`, "/pools", "/config", "/allowances/ada"]
  const stats = ["total", "hourly", "daily", "cooldown", "members", "tasks"].map((name) => `/stats/${name}`)
  for (const path of [...paths, ...stats]) {
    const answer = await operator.call("GET", path)
    assert.strictEqual(answer.status, 200, path)
    answers.push(answer)
  }
  const snapshots = await fetch(`${node.gateway}/dashboard/sse`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  })
  const first = await snapshots.body?.getReader().read()
  const metrics = await (await fetch(`${node.metrics}/metrics`)).text()
  assert.include(metrics, "sidecar_requests_total")
  return [
    ...answers.map(({ body }) => JSON.stringify(body)),
    Buffer.from(first?.value ?? "").toString(),
    metrics,
  ]
}

/** Of the texts that hold a word, what stands around it. */
const holding = (texts: ReadonlyArray<string>, word: string) =>
  texts.flatMap((text) => {
    const at = text.indexOf(word)
    return at < 0 ? [] : [text.slice(Math.max(0, at - 200), at + 200)]
  })

describe("providers' keys, members' tokens, and what models are told and answer", () => {
  it.live(
    "providers' keys, members' tokens, and what models are told and answer are in no answer of ours, no record, no row, no metric, no span and no line of output",
    () =>
      Effect.gen(function* () {
        const place = yield* freshPlace
        const [provider, collector] = yield* Effect.all([startProvider, startProvider])
        collector.always(json({}))
        const node = yield* startGateway(place, [provider], {
          env: {
            LOG_LEVEL: "trace",
            CREWLOG_QUEUE_WAIT: "50 millis",
            CREWLOG_COOLDOWN_BASE: "10 millis",
            CREWLOG_COOLDOWN_MAX: "20 millis",
            OTEL_EXPORTER_OTLP_ENDPOINT: `http://${collector.host}`,
          },
        })
        const { tokens } = yield* makeCrew(node, ["ada"])
        const token = tokens[0]!
        const metered = yield* watchUsage(place)
        const { id } = yield* register(node, provider, { api_key: key("one") })
        yield* register(node, provider, { model: "claude", api: "anthropic-messages", api_key: key("one") })
        const client = openAi(node, token)
        yield* Effect.promise(() =>
          client.chat.completions.create({ model: MODEL, messages: [{ role: "user", content: SAID }] }),
        )
        yield* Effect.promise(() =>
          anthropic(node, token).messages.create({
            model: "claude",
            max_tokens: 9,
            messages: [{ role: "user", content: SAID }],
          }),
        )
        assert.include(JSON.stringify(provider.received.map(({ headers }) => headers)), key("one"))

        const administered = yield* Effect.promise(() => administer(node, id))
        const called = yield* Effect.promise(() => callAll(node, provider, token))
        assert.isNotEmpty(holding(called, ANSWERED))
        const records = yield* Effect.promise(() => metered.count(30))
        yield* eventually(
          operatorOf(node).get("/stats/total"),
          ({ body }) => body.requests - body.failed_tries >= records.length,
        )
        yield* node.end("SIGTERM")
        const { messages, rows } = yield* Effect.promise(() => storedOn(place))
        const spans = collector.received.map(({ body }) => body.toString())
        // Where they would be seen if they were there.
        assert.isNotEmpty(holding(messages, "0a1b2c****wxyz"))
        assert.isNotEmpty(holding(messages, '"latency_ms"'))
        assert.isNotEmpty(holding(rows, "0a1b2c****wxyz"))
        assert.isNotEmpty(holding(spans, "gen_ai."))
        assert.isNotEmpty(node.output())

        const kept = [...messages, ...rows, ...spans, node.output()]
        for (const word of [KEY_WORD, SAID, ANSWERED, token, ADMIN_TOKEN]) {
          assert.deepStrictEqual(holding(kept, word), [], word)
        }
        assert.deepStrictEqual(holding(administered, SAID), [])
        assert.deepStrictEqual(holding([...administered, ...called], KEY_WORD), [])
      }).pipe(Effect.scoped),
    60_000,
  )
})
