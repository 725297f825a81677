import { describe, expect, it } from "vitest"
import { chatEvents } from "../../../support/providerAnswers.ts"
import { failing, json, type Reply, stream } from "../../../support/upstream.ts"
import { eventsIn, mapping, MODEL, NATIVE, openOne } from "./gateway.ts"

const streamed = { stream: true }
const usage = { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10 }

// A line for each provider's way to refuse the options that the gateway adds: status and body.
const refusals: ReadonlyArray<readonly [provider: string, status: number, body: object]> = [
  ["OpenAI", 400, { error: { message: "Unrecognized request argument supplied: stream_options" } }],
  [
    "OpenAI's param",
    400,
    { error: { message: "Unknown parameter.", param: "stream_options.include_usage" } },
  ],
  [
    "Mistral",
    422,
    {
      object: "error",
      message: {
        detail: [
          { type: "extra_forbidden", loc: ["body", "stream_options"], msg: "Extra inputs are not permitted" },
        ],
      },
    },
  ],
  ["FastAPI", 422, { detail: [{ loc: ["body", "stream_options"], msg: "extra fields not permitted" }] }],
  ["Google", 400, [{ error: { code: 400, message: 'Unknown name "streamOptions": Cannot find field.' } }]],
  ["a proxy", 400, { error: { message: "failed", metadata: { raw: '{"msg":"include_usage is unknown"}' } } }],
  ["an older server", 404, { error: { message: "stream options are not supported" } }],
  ["one that names nothing", 400, { error: { message: "Unexpected additional properties in the body" } }],
  ["one that conflicts", 409, { errors: [{ path: ["stream_options"] }] }],
]

// A line for each error that is about something else.
const otherwise: ReadonlyArray<readonly [status: number, message: string, fields: object]> = [
  [400, "Unknown parameter: temperatur", { temperatur: 1 }],
  [400, "messages is empty", {}],
  [413, "stream_options or not: too large", {}],
]

const refusing =
  (status: number, body: object): Reply =>
  (received, response) =>
    received.json?.["stream_options"] === undefined
      ? stream(chatEvents(NATIVE, ["Hi"]))(received, response)
      : json(body, status)(received, response)

describe("A backend that refuses the options which the gateway adds", () => {
  it.each(refusals)("(%s, %d) is asked again without them, and not with them any more", async (...row) => {
    const [, status, body] = row
    const other = { [MODEL]: mapping(), other: mapping({ native_id: "native-other" }) }
    const { gateway, upstream } = await openOne({ model_mappings: other })
    upstream.always(refusing(status, body))
    for (const model of [MODEL, "other"]) {
      expect((await gateway.chat({ ...streamed, model })).text).toContain("[DONE]")
    }
    expect(upstream.received.map((one) => one.json?.["stream_options"] !== undefined)).toEqual([
      true,
      false,
      false,
    ])
    expect(gateway.observed).toEqual([])
  })

  it("a refusal in an event has the request asked again, too", async () => {
    const { gateway, upstream } = await openOne()
    upstream.next(
      stream(['data: {"error":{"code":400,"message":"stream_options: extra fields not permitted"}}\n\n']),
    )
    expect((await gateway.chat(streamed)).text).toContain("[DONE]")
    expect(upstream.received).toHaveLength(2)
  })

  it.each(otherwise)(
    "the backend is asked once where it says something else (%d %s)",
    async (status, message, fields) => {
      const { gateway, upstream } = await openOne()
      upstream.next(failing(status, { message }))
      expect((await gateway.chat({ ...streamed, ...fields })).status).toBe(status)
      expect(upstream.received).toHaveLength(1)
    },
  )
})

// A line for each shape of the choices beside usage that was asked for.
const alone: ReadonlyArray<object> = [
  { choices: [] },
  { choices: null },
  {},
  { choices: [{ index: 0, delta: {}, finish_reason: null }] },
  { choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }] },
  { choices: [{ index: 0, delta: { content: null }, finish_reason: null, logprobs: null }] },
]

describe("Usage that the gateway asked for", () => {
  it.each(alone)("the usage is hidden beside %j", async (choices) => {
    const { gateway, upstream } = await openOne()
    const [role, text, finish] = chatEvents(NATIVE, ["Hi"])
    const event = `data: ${JSON.stringify({ id: "1", model: NATIVE, ...choices, usage })}\n\n`
    upstream.next(stream([`${role}${text}${finish}${event}data: [DONE]\n\n`]))
    const { text: got } = await gateway.chat(streamed)
    expect(eventsIn(got)).toHaveLength(4)
    expect(got).not.toContain('"usage":{')
    expect(await gateway.record()).toMatchObject({ total_tokens: 10, is_estimated: false })
  })
})
