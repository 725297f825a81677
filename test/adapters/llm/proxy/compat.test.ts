import { assert, describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import OpenAI from "openai"
import { CallBody } from "../../../../src/adapters/llm/proxy/CallBody.ts"
import { proxyRoutes } from "../../../../src/adapters/llm/proxy/proxyRoutes.ts"
import type { ModelMapping } from "../../../../src/domain/ModelMapping.ts"
import { failing, type Reply, well } from "../../../support/upstream.ts"
import { backendAt, mapping, MODEL, NATIVE, openGateway, openOne, upstreamForTest } from "./gateway.ts"

type Compat = ModelMapping["compat"]

/** A request as the backend with this mapping gets it. */
const asked = (text: string, more: Partial<ModelMapping>, path = "chat/completions", withUsage = false) => {
  const body = CallBody.of(Buffer.from(text), proxyRoutes.get(`/v1/${path}`)!)
  if (!(body instanceof CallBody)) throw new Error(body.message)
  return body.forBackend(mapping({ native_id: "n", ...more }), withUsage).toString()
}

const all: Compat = {
  supportsStore: false,
  supportsReasoningEffort: false,
  supportsDeveloperRole: false,
  maxTokensField: "max_tokens",
}

describe("A flag of compat", () => {
  const noStore = { supportsStore: false }
  const old = { maxTokensField: "max_tokens" }
  const young = { maxTokensField: "max_completion_tokens" }
  const noDeveloper = { supportsDeveloperRole: false }
  const cases: ReadonlyArray<readonly [Compat, string, string]> = [
    // Dropped, with one comma, wherever it stands and however it is written.
    [noStore, '{"store":true,"model":"m"}', '{"model":"n"}'],
    [noStore, '{"model":"m","store":true}', '{"model":"n"}'],
    [noStore, '{ "a":1 , "store" : {"b":"}"} , "model":"m" }', '{ "a":1 , "model":"n" }'],
    [noStore, '{ "store" :1 , "model":"m","store":2 }', '{ "model":"n" }'],
    [noStore, '{"st\\u006fre":true,"model":"m"}', '{"model":"n"}'],
    [noStore, '{"model":"m","metadata":{"store":1}}', '{"model":"n","metadata":{"store":1}}'],
    [{ supportsReasoningEffort: false }, '{"model":"m","reasoning_effort":"low"}', '{"model":"n"}'],
    // Renamed, and what it says stays.
    [old, '{"model":"m","max_completion_tokens":1e3}', '{"model":"n","max_tokens":1e3}'],
    [
      old,
      '{"max_completion_t\\u006fkens" : 12345678901234567890,"model":"m"}',
      '{"max_tokens":12345678901234567890,"model":"n"}',
    ],
    [young, '{"model":"m","max_tokens":null}', '{"model":"n","max_completion_tokens":null}'],
    // The one that the backend knows counts.
    [old, '{"max_completion_tokens":1,"model":"m","max_tokens":2}', '{"model":"n","max_tokens":2}'],
    [
      young,
      '{"max_completion_tokens":1,"model":"m","max_tokens":2}',
      '{"max_completion_tokens":1,"model":"n"}',
    ],
    [old, '{"model":"m","max_tokens":2}', '{"model":"n","max_tokens":2}'],
    // Roles of messages, and nothing that looks like them.
    [
      noDeveloper,
      '{"model":"m","messages":[ {"role":"developer","content":"Grüße"}, {"content":"role","role" : "d\\u0065veloper"},{"role":"user","content":[{"role":"developer"}]},7,null ],"role":"developer"}',
      '{"model":"n","messages":[ {"role":"system","content":"Grüße"}, {"content":"role","role" : "system"},{"role":"user","content":[{"role":"developer"}]},7,null ],"role":"developer"}',
    ],
    [noDeveloper, '{"model":"m","messages":[]}', '{"model":"n","messages":[]}'],
    [noDeveloper, '{"model":"m","messages":"developer"}', '{"model":"n","messages":"developer"}'],
    // All at once.
    [
      all,
      '{"store":1,"reasoning_effort":"low","model":"m","store":2,"reasoning_effort":"high","messages":[{"role":"developer"}],"max_completion_tokens":5,"store":3}',
      '{"model":"n","messages":[{"role":"system"}],"max_tokens":5}',
    ],
    // Other values, and flags that nobody knows.
    [
      {
        supportsStore: true,
        supportsDeveloperRole: "false",
        maxTokensField: "tokens",
        supports_store: false,
      },
      '{"store":true,"max_tokens":1,"model":"m","messages":[{"role":"developer"}]}',
      '{"store":true,"max_tokens":1,"model":"n","messages":[{"role":"developer"}]}',
    ],
  ]
  it.each(cases)("%j makes of %s what the backend takes", (compat, text, expected) => {
    expect(asked(text, { compat })).toBe(expected)
  })

  it("a flag of compat leaves room for what is asked for besides", () => {
    const text = '{"store":true,"stream":true,"model":"m"}'
    expect(asked(text, { compat: all }, "chat/completions", true)).toBe(
      '{"stream_options":{"include_usage":true},"stream":true,"model":"n"}',
    )
  })

  it.each(["completions", "embeddings", "responses", "messages"])("does nothing on %s", (path) => {
    const text = '{"store":true,"reasoning_effort":"low","max_completion_tokens":1,"model":"m"}'
    expect(asked(text, { compat: all }, path)).toBe(text.replace('"m"', '"n"'))
  })

  const Name = Schema.Literals(["store", "reasoning_effort", "max_tokens", "max_completion_tokens", "a", "b"])
  const Leaf = Schema.Union([Schema.String, Schema.Int, Schema.Null])
  const Fields = Schema.Array(Schema.Tuple([Name, Leaf]))
  const Messages = Schema.Array(
    Schema.Struct({ role: Schema.Literals(["developer", "user"]), content: Leaf }),
  )
  it.prop(
    "a flag of compat changes what it is about in any request, and nothing else",
    [Fields, Fields, Messages, Schema.Literals(["", " ", "\n\t"])],
    ([before, after, messages, blank]) => {
      // Keys may be there more than once.
      const fields = [...before, ["model", "m"], ["messages", messages], ...after] as const
      const written = fields.map(([name, value]) => `"${name}"${blank}:${blank}${JSON.stringify(value)}`)
      const text = `{${blank}${written.join(`${blank},${blank}`)}${blank}}`
      const { max_completion_tokens: young, reasoning_effort: _, store: __, ...others } = JSON.parse(text)
      const expected = {
        ...others,
        ...(young === undefined || "max_tokens" in others ? {} : { max_tokens: young }),
        model: "n",
        messages: others.messages.map((message: { readonly role: string }) => ({
          ...message,
          role: message.role === "developer" ? "system" : message.role,
        })),
      }
      assert.deepEqual(JSON.parse(asked(text, { compat: all })), expected)
    },
  )
})

describe("The effort of a mapping", () => {
  const high = { reasoning: true, reasoning_effort: "high" }
  const chat: ReadonlyArray<readonly [string, string]> = [
    ['{"model":"m"}', '{"reasoning_effort":"high","model":"n"}'],
    ['{"model":"m","reasoning_effort":null}', '{"model":"n","reasoning_effort":"high"}'],
    // The caller's own counts, however providers have it said.
    ['{"model":"m","reasoning_effort":"low"}', '{"model":"n","reasoning_effort":"low"}'],
    ['{"model":"m","reasoning":{"effort":"low"}}', '{"model":"n","reasoning":{"effort":"low"}}'],
    ['{"model":"m","thinking":{"type":"disabled"}}', '{"model":"n","thinking":{"type":"disabled"}}'],
  ]
  it.each(chat)("is asked for in the chat %s where the caller asks for none", (text, expected) => {
    expect(asked(text, high)).toBe(expected)
  })

  const responses: ReadonlyArray<readonly [string, string]> = [
    ['{"model":"m"}', '{"reasoning":{"effort":"high"},"model":"n"}'],
    ['{"reasoning":null,"model":"m"}', '{"reasoning":{"effort":"high"},"model":"n"}'],
    [
      '{"model":"m","reasoning":{"summary":"auto","effort":null}}',
      '{"model":"n","reasoning":{"summary":"auto","effort":"high"}}',
    ],
    ['{"model":"m","reasoning":{"effort":"low"}}', '{"model":"n","reasoning":{"effort":"low"}}'],
    // Not for us to repair.
    ['{"model":"m","reasoning":"low"}', '{"model":"n","reasoning":"low"}'],
  ]
  it.each(responses)("is asked for in the request %s as well", (text, expected) => {
    expect(asked(text, high, "responses")).toBe(expected)
  })

  it.each([
    ["a model that does not reason", { ...high, reasoning: false }, "chat/completions"],
    ["a mapping without one", { ...high, reasoning_effort: null }, "chat/completions"],
    ["a backend that takes none", { ...high, compat: all }, "chat/completions"],
    ["embeddings", high, "embeddings"],
    ["old completions", high, "completions"],
    ["Anthropic's messages", high, "messages"],
  ] as const)("is not asked for with %s", (_what, more, path) => {
    expect(asked('{"model":"m"}', more, path)).toBe('{"model":"n"}')
  })

  it("of the caller stays where the model does not reason: that is for the provider to refuse", () => {
    const text = '{"model":"m","reasoning_effort":"low"}'
    expect(asked(text, { ...high, reasoning: false })).toBe('{"model":"n","reasoning_effort":"low"}')
  })

  it("the effort of a mapping may be called whatever the provider calls it", () => {
    const odd = 'x"\\\u2028é'
    const sent = JSON.parse(asked('{"model":"m"}', { ...high, reasoning_effort: odd }))
    expect(sent).toEqual({ model: "n", reasoning_effort: odd })
  })
})

/** A server as there are many: it refuses what it does not know. */
const strict: Reply = (received, response) => {
  const { json: body = {} } = received
  const unknown = ["store", "reasoning_effort", "max_completion_tokens"].find((name) => name in body)
  const messages = body["messages"] as ReadonlyArray<{ readonly role: string }>
  const isBad = unknown !== undefined || messages.some(({ role }) => role === "developer")
  return (isBad ? failing(400, { message: "Extra inputs are not permitted", param: unknown }) : well)(
    received,
    response,
  )
}

describe("OpenAI's own client", () => {
  const request = {
    model: MODEL,
    messages: [
      { role: "developer" as const, content: "Be brief." },
      { role: "user" as const, content: "Hi" },
    ],
    max_completion_tokens: 100,
    reasoning_effort: "low" as const,
    store: false,
  }
  const clientOf = ({ url }: { readonly url: string }) =>
    new OpenAI({ baseURL: `${url}/v1`, apiKey: "tb-member", maxRetries: 0, logLevel: "off" })

  it("OpenAI's own client is served by a server that knows none of what is new, whole and streamed", async () => {
    const compat = { ...all, supportsUsageInStreaming: false }
    const { gateway, upstream } = await openOne({ model_mappings: { [MODEL]: mapping({ compat }) } })
    upstream.always(strict)
    const client = clientOf(gateway)
    expect((await client.chat.completions.create(request)).model).toBe(MODEL)
    let text = ""
    for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? ""
    }
    expect(text).toBe("Hello there")
    const messages = [{ ...request.messages[0], role: "system" }, request.messages[1]]
    const sent = { model: NATIVE, messages, max_tokens: 100 }
    expect(upstream.received.map(({ json }) => json)).toEqual([sent, { ...sent, stream: true }])
  })

  it("OpenAI's own client is refused there without the flags, as the provider does", async () => {
    const { gateway, upstream } = await openOne()
    upstream.always(strict)
    await expect(clientOf(gateway).chat.completions.create(request)).rejects.toMatchObject({ status: 400 })
  })

  it("OpenAI's own client asks each backend in the way that it has, also in its second try", async () => {
    const [first, second] = [await upstreamForTest(), await upstreamForTest()]
    const plain = backendAt(first.url)
    const old = backendAt(second.url, {
      pool: "fallback",
      model_mappings: { [MODEL]: mapping({ compat: all }) },
    })
    const gateway = await openGateway([plain, old])
    first.next(failing(500))
    second.always(strict)
    await clientOf(gateway).chat.completions.create(request)
    expect(first.received[0]?.json).toEqual({ ...request, model: NATIVE })
    expect(second.received[0]?.json).toMatchObject({ model: NATIVE, max_tokens: 100 })
  })

  it("OpenAI's own client need not ask for the effort that a mapping has", async () => {
    const small = mapping({ reasoning: true, reasoning_effort: "high" })
    const { gateway, upstream } = await openOne({ model_mappings: { [MODEL]: small } })
    const client = clientOf(gateway)
    const messages = request.messages
    await client.chat.completions.create({ model: MODEL, messages })
    await client.chat.completions.create({ model: MODEL, messages, reasoning_effort: "minimal" })
    await client.responses.create({ model: MODEL, input: "Hi", reasoning: { summary: "auto" } })
    await client.responses.create({ model: MODEL, input: "Hi", reasoning: { effort: "none" } })
    const [chat, ownChat, response, ownResponse] = upstream.received.map(({ json }) => json)
    expect(chat).toMatchObject({ reasoning_effort: "high" })
    expect(ownChat).toMatchObject({ reasoning_effort: "minimal" })
    expect(response).toMatchObject({ reasoning: { summary: "auto", effort: "high" } })
    expect(ownResponse).toMatchObject({ reasoning: { effort: "none" } })
  })
})
