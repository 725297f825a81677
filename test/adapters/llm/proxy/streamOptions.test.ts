import { describe, expect, it } from "vitest"
import { chatEvents } from "../../../support/providerAnswers.ts"
import { failing, json, type Reply, stream, text } from "../../../support/upstream.ts"
import { eventsIn, mapping, MODEL, NATIVE, openOne } from "./gateway.ts"

const streamed = { stream: true }
const plain = chatEvents(NATIVE, ["Hi"])

const extra = { type: "extra_forbidden", msg: "Extra inputs are not permitted", input: true }
const forbidden = { ...extra, loc: ["body", "stream_options", "include_usage"] }

/** Refusals of a field that only the gateway put there. A row is a name and what the provider answers. */
const refusals: ReadonlyArray<readonly [name: string, reply: Reply]> = [
  ["OpenAI's 400", failing(400, { message: "Unrecognized request argument supplied: stream_options" })],
  [
    "Mistral's 422, whose message is an object",
    json({ object: "error", message: { detail: [forbidden] } }, 422),
  ],
  ["FastAPI's 422, whose detail is a list", json({ detail: [forbidden] }, 422)],
  ["a field that is named in param alone", failing(400, { message: "Bad field.", param: "stream_options" })],
  ["one that is named in code", failing(400, { message: "no", code: "stream_options_not_supported" })],
  ["one in camel case", failing(400, { message: "streamOptions: unknown" })],
  ["one in words", failing(400, { message: "Stream options may only be set by partners" })],
  ["one about usage", failing(400, { message: "Usage is not available in a streaming request" })],
  ["one in plain text", text("unknown field `stream_options`", { "content-type": "text/plain" }, 400)],
  ["a 405", failing(405, { message: "include_usage" })],
  [
    "a 500 of a server's own error",
    failing(500, { message: "unexpected keyword argument 'stream_options'" }),
  ],
  ["a list of errors", json([{ error: { message: 'Unknown name "stream_options"' } }], 400)],
  ["one that does not name the field", failing(400, { message: "Extra inputs are not permitted" })],
  [
    "one in param, with the field inside",
    failing(400, { message: "Unknown parameter.", param: "stream_options.include_usage" }),
  ],
  ["an older FastAPI's", json({ detail: [{ ...forbidden, msg: "extra fields not permitted" }] }, 422)],
  [
    "Google's list",
    json([{ error: { code: 400, message: 'Unknown name "streamOptions": Cannot find field.' } }], 400),
  ],
  [
    "one that a proxy tells on",
    failing(400, { message: "failed", metadata: { raw: '{"msg":"include_usage is unknown"}' } }),
  ],
  ["an older server's 404", failing(404, { message: "stream options are not supported" })],
  [
    "one that names no field at all",
    failing(400, { message: "Unexpected additional properties in the body" }),
  ],
  ["a 409", json({ errors: [{ path: ["stream_options"] }] }, 409)],
  [
    "an error of extra fields in the stream",
    stream(['data: {"error":{"code":400,"message":"stream_options: extra fields not permitted"}}\n\n']),
  ],
  ["an error under 200", json({ error: { code: 400, message: "stream_options is not supported" } })],
  ["an error in the stream", stream(['data: {"error":{"code":400,"message":"no stream_options"}}\n\n'])],
]

/** Errors that are about something else. A row is a status, a message and further fields of the request. */
const otherwise: ReadonlyArray<readonly [status: number, message: string, fields: object]> = [
  [400, "Unknown parameter: temperatur", { temperatur: 1 }],
  [400, "messages is empty", {}],
  [404, "The model is unknown", {}],
  [413, "stream_options or not: too large", {}],
]

describe("Usage that the gateway asks for", () => {
  it.each(refusals)(
    "no request is broken: %s is asked again without, once for the backend",
    async (_name, no) => {
      const other = mapping({ native_id: "native-other" })
      const { gateway, upstream } = await openOne({ model_mappings: { [MODEL]: mapping(), other } })
      upstream.always((received, response) =>
        (received.json?.["stream_options"] === undefined ? stream(plain) : no)(received, response),
      )
      const one = await gateway.chat(streamed)
      expect(one.status).toBe(200)
      expect(one.text).toBe(chatEvents(MODEL, ["Hi"]).join(""))
      await gateway.chat(streamed)
      await gateway.chat({ ...streamed, model: "other" })
      expect(upstream.received.map(({ json }) => json?.["stream_options"] !== undefined)).toEqual([
        true,
        false,
        false,
        false,
      ])
      expect(await gateway.record()).toMatchObject({ outcome: "ok", is_estimated: true, failures: [] })
      expect(gateway.observed).toEqual([])
    },
  )

  it("usage is asked for further on where a refusal that names nothing was about something else", async () => {
    const { gateway, upstream } = await openOne()
    await gateway.chat(streamed)
    upstream.next(failing(400, { message: "Unknown parameter" }))
    expect((await gateway.chat(streamed)).status).toBe(400)
    await gateway.chat(streamed)
    expect(upstream.received).toHaveLength(3)
    expect(upstream.received[2]?.json).toHaveProperty("stream_options")
  })

  it.each(otherwise)("the backend is asked once where it says something else (%d %s)", async (...row) => {
    const [status, message, fields] = row
    const { gateway, upstream } = await openOne()
    upstream.next(failing(status, { message }))
    expect((await gateway.chat({ ...streamed, ...fields })).status).toBe(status)
    expect(upstream.received).toHaveLength(1)
  })

  it("a name of one letter among the caller's fields hides no refusal", async () => {
    const { gateway, upstream } = await openOne()
    upstream.next(failing(422, { message: "Extra inputs are not permitted" }))
    expect((await gateway.chat({ ...streamed, n: 1 })).status).toBe(200)
    expect(upstream.received).toHaveLength(2)
  })

  it("the caller is told of the fault that a request without it has as well", async () => {
    const { gateway, upstream } = await openOne()
    upstream.always(failing(400, { message: "Unknown parameter", code: "bad" }))
    const { json, status } = await gateway.chat(streamed)
    expect({ status, code: json.error.code }).toEqual({ status: 400, code: "bad" })
    expect(upstream.received).toHaveLength(2)
  })
})

const usage = { prompt_tokens: 20, completion_tokens: 5, total_tokens: 25 }
const chunk = (more: object) => `data: ${JSON.stringify({ id: "x", model: NATIVE, ...more })}\n\n`

/** Chunks that tell the usage and nothing else. A row is a name and the chunk's choices. */
const usageChunks: ReadonlyArray<readonly [name: string, more: object]> = [
  ["no choices", { choices: [] }],
  ["choices of null", { choices: null }],
  ["no field for choices", {}],
  ["a choice without a delta", { choices: [{ index: 0, finish_reason: null }] }],
  ["an empty delta", { choices: [{ index: 0, delta: {}, finish_reason: null }] }],
  ["empty content", { choices: [{ index: 0, delta: { content: "" }, finish_reason: null }] }],
  ["the role again", { choices: [{ index: 0, delta: { role: "assistant", content: "" } }] }],
  ["the finish again", { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }],
]

describe("A chunk of usage that the caller did not ask for", () => {
  it.each(usageChunks)("usage is hidden with %s, and counted", async (_name, more) => {
    const { gateway, upstream } = await openOne()
    upstream.next(stream([...plain.slice(0, -1), chunk({ ...more, usage }), ...plain.slice(-1)]))
    expect((await gateway.chat(streamed)).text).toBe(chatEvents(MODEL, ["Hi"]).join(""))
    expect(await gateway.record()).toMatchObject({ ...usage, is_estimated: false })
  })

  it.each([
    ["output", { choices: [{ index: 0, delta: { content: "more" }, finish_reason: null }] }],
    ["the first role", { choices: [{ index: 0, delta: { role: "assistant" }, finish_reason: null }] }],
    ["the finish", { choices: [{ index: 0, delta: {}, finish_reason: "stop" }] }],
  ])("usage is shown where it has %s, too", async (_name, more) => {
    const { gateway, upstream } = await openOne()
    upstream.next(stream([chunk({ ...more, usage }), ...plain]))
    expect(eventsIn((await gateway.chat(streamed)).text)[0]).toMatchObject(more)
  })
})
