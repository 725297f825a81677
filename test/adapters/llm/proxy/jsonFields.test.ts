import { assert, describe, expect, it } from "@effect/vitest"
import { Schema } from "effect"
import { CallBody } from "../../../../src/adapters/llm/proxy/CallBody.ts"
import { eachField, findValue } from "../../../../src/adapters/llm/proxy/jsonFields.ts"
import { proxyRoutes } from "../../../../src/adapters/llm/proxy/proxyRoutes.ts"
import { mapping } from "./gateway.ts"

const chat = proxyRoutes.get("/v1/chat/completions")!

const bodyOf = (text: string | Buffer) => CallBody.of(Buffer.from(text), chat)
const read = (text: string | Buffer): CallBody => {
  const body = bodyOf(text)
  if (!(body instanceof CallBody)) throw new Error(`${body.code}: ${body.message}`)
  return body
}
const rewritten = (text: string, to = "native", withUsage = false) =>
  read(text)
    .forBackend(mapping({ native_id: to }), withUsage)
    .toString()

const fieldsOf = (text: string) => {
  const fields: Array<readonly [string, string]> = []
  const end = eachField(text, 0, (key, start, end) => void fields.push([key, text.slice(start, end)]))
  return { fields, end }
}

describe("The fields of an object", () => {
  it("the fields of an object are found with whatever is in their values", () => {
    const text = ` {"a" : "x\\"}{,:\\\\" ,\n"b":[{"c":"]"},[1,2]],"d":{"a":{"}":1}},"e":-1.5e3, "f":null,"":true}`
    expect(fieldsOf(text)).toEqual({
      fields: [
        ["a", '"x\\"}{,:\\\\"'],
        ["b", '[{"c":"]"},[1,2]]'],
        ["d", '{"a":{"}":1}}'],
        ["e", "-1.5e3"],
        ["f", "null"],
        ["", "true"],
      ],
      end: text.length,
    })
  })

  it.each([
    "",
    " ",
    "[]",
    "1",
    '"a"',
    "{",
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,',
    '{"a":1,}',
    "{a:1}",
    '{"a":"b}',
    '{"a":[1}',
    '{"a" 1}',
    '{"a":,"b":1}',
  ])("of %j are not there", (text) => {
    expect(fieldsOf(text).end).toBe(-1)
  })

  it("the fields of an object are found under a path", () => {
    const text = '{"model":1,"response":{"id":{"model":2},"model":"x"}}'
    expect(findValue(text, 0, ["response", "model"])).toEqual({ start: 48, end: 51 })
    expect(findValue(text, 0, ["response", "none"])).toBeUndefined()
    expect(findValue(text, 0, ["model", "model"])).toBeUndefined()
  })

  const Key = Schema.Literals(["model", "mod\\el", "stream_options", '"', "a", "\u00e9", "model\u0000"])
  const Leaf = Schema.Union([Schema.String, Schema.Finite, Schema.Boolean, Schema.Null])
  const Value = Schema.Union([Leaf, Schema.Array(Schema.Record(Key, Leaf)), Schema.Record(Key, Leaf)])
  it.prop(
    "the fields of an object are those that JSON.parse finds, in any object",
    [Schema.Record(Key, Value)],
    ([value]) => {
      for (const text of [JSON.stringify(value), JSON.stringify(value, undefined, 2)]) {
        const latin = Buffer.from(text).toString("latin1")
        const found: Record<string, unknown> = {}
        const end = eachField(latin, 0, (key, start, end) => {
          const bytes = (part: string) => Buffer.from(part, "latin1").toString()
          found[bytes(key)] = JSON.parse(bytes(latin.slice(start, end)))
        })
        assert.strictEqual(end, latin.length)
        assert.deepEqual(found, JSON.parse(text))
      }
    },
  )
})

describe("The model of a request", () => {
  it.each([
    // What is around it stays as it is, byte for byte.
    ['{"model":"small","messages":[]}', '{"model":"native","messages":[]}'],
    [' {\n "messages" : [ ],\t"model" : "small" }\n', ' {\n "messages" : [ ],\t"model" : "native" }\n'],
    [
      '{"n":1.0,"big":12345678901234567890,"model":"small"}',
      '{"n":1.0,"big":12345678901234567890,"model":"native"}',
    ],
    // Only the request's own.
    [
      '{"messages":[{"model":"small"}],"metadata":{"model":"small"},"model":"small"}',
      '{"messages":[{"model":"small"}],"metadata":{"model":"small"},"model":"native"}',
    ],
    ['{"a":"\\"model\\":\\"small\\"","model":"small"}', '{"a":"\\"model\\":\\"small\\"","model":"native"}'],
    ['{"a":"model","model":"small"}', '{"a":"model","model":"native"}'],
    // However it is written.
    ['{"mod\\u0065l":"small"}', '{"mod\\u0065l":"native"}'],
    ['{"model":"sm\\u0061ll"}', '{"model":"native"}'],
    // Repeated keys: no reader of it may see another.
    ['{"model":"large","model":"small"}', '{"model":"native","model":"native"}'],
    [
      '{"model":{"model":"x"},"mod\\u0065l":7,"model":"small"}',
      '{"model":"native","mod\\u0065l":"native","model":"native"}',
    ],
    // Text that is not ASCII keeps its bytes.
    ['{"a":"Grüße \u{1f600}","model":"small","b":"é"}', '{"a":"Grüße \u{1f600}","model":"native","b":"é"}'],
  ])("in %s is rewritten", (text, expected) => {
    expect(rewritten(text)).toBe(expected)
  })

  it("the model of a request is left alone where it is the same, unless it is there twice", () => {
    expect(rewritten('{ "model":"small" }', "small")).toBe('{ "model":"small" }')
    expect(rewritten('{"model":"large","model":"small"}', "small")).toBe('{"model":"small","model":"small"}')
  })

  it("the model of a request may have any name on either side", () => {
    const [here, there] = ['a"b\\c/é\u{1f600}', 'x"y\\z/ü\u2028']
    const body = read(JSON.stringify({ messages: ["ß"], model: here, z: 1 }))
    expect(body.model).toBe(here)
    expect(JSON.parse(body.forBackend(mapping({ native_id: there }), false).toString())).toEqual({
      messages: ["ß"],
      model: there,
      z: 1,
    })
  })

  const Anything = Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite, Schema.Null]))
  it.prop(
    "the model of a request is all that changes, in any request",
    [Anything, Schema.String, Schema.Array(Anything)],
    ([fields, native, messages]) => {
      const request = { ...fields, messages, model: "small", stream: true, stream_options: { x: 1 } }
      const text = JSON.stringify(request)
      const sent = JSON.parse(text)
      const stream_options = { x: 1, include_usage: true }
      assert.deepEqual(JSON.parse(rewritten(text, native)), { ...sent, model: native })
      assert.deepEqual(JSON.parse(rewritten(text, native, true)), { ...sent, model: native, stream_options })
    },
  )

  it("the model of a request is rewritten in a large body without reading it anew", () => {
    const large = JSON.stringify({ messages: [{ content: 'a\\"b'.repeat(200_000) }], model: "small" })
    const body = read(large)
    const since = performance.now()
    const bytes = body.forBackend(mapping({ native_id: "native" }), false)
    // Writing it anew takes many times as long.
    expect(performance.now() - since).toBeLessThan(50)
    expect(bytes.toString()).toBe(large.replace('"model":"small"', '"model":"native"'))
  })
})

describe("The usage of a stream", () => {
  it.each([
    ['{"model":"small"}', '{"stream_options":{"include_usage":true},"model":"native"}'],
    ['{"stream_options":{},"model":"small"}', '{"stream_options":{"include_usage":true},"model":"native"}'],
    ['{"stream_options":null,"model":"small"}', '{"stream_options":{"include_usage":true},"model":"native"}'],
    [
      '{"model":"small","stream_options":{"include_usage":false,"a":1}}',
      '{"model":"native","stream_options":{"include_usage":true,"a":1}}',
    ],
    [
      '{"stream_options":{"a":1},"model":"small","stream_options":{"b":2}}',
      '{"stream_options":{"b":2,"include_usage":true},"model":"native","stream_options":{"b":2,"include_usage":true}}',
    ],
    // Not for us to repair.
    ['{"stream_options":7,"model":"small"}', '{"stream_options":7,"model":"native"}'],
  ])("is asked for in %s", (text, expected) => {
    expect(rewritten(text, "native", true)).toBe(expected)
  })

  it("the usage of a stream is wanted by who says so", () => {
    expect(read('{"model":"a","stream_options":{"include_usage":true}}').wantsUsage).toBe(true)
    for (const options of ["{}", "null", "[]", '{"include_usage":false}', '{"include_usage":"true"}']) {
      expect(read(`{"model":"a","stream_options":${options}}`).wantsUsage).toBe(false)
    }
  })
})

describe("A body", () => {
  it.each([
    ["", "invalid_json"],
    ["{", "invalid_json"],
    ["null", "invalid_json"],
    ["[]", "invalid_json"],
    ['"model"', "invalid_json"],
    ['{"model":"a"} x', "invalid_json"],
    ['\ufeff{"model":"a"}', "invalid_json"],
    ["{}", "invalid_model"],
    ['{"model":7}', "invalid_model"],
    ['{"model":null}', "invalid_model"],
    ['{"model":["a"]}', "invalid_model"],
    ['{"model":""}', "invalid_model"],
    ['{"model":"  "}', "invalid_model"],
    ['{"model":"a\\u0000"}', "invalid_model"],
    ['{"model":"\\ud800"}', "invalid_model"],
    [`{"model":"${"a".repeat(201)}"}`, "invalid_model"],
    ['{"__proto__":{"model":"a"}}', "invalid_model"],
    ['{"model":"a","model":7}', "invalid_model"],
    ['{"model":"a","stream":"yes"}', "invalid_stream"],
    ['{"model":"a","stream":1}', "invalid_stream"],
  ])("%j is refused with %s", (text, code) => {
    expect(bodyOf(text)).toMatchObject({ status: 400, code })
  })

  it("that is not UTF-8 is refused", () => {
    expect(bodyOf(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]))).toMatchObject({ code: "invalid_json" })
  })

  it("a body may be as deep as it likes", () => {
    const depth = 100_000
    const text = `{"a":${"[".repeat(depth)}${"]".repeat(depth)},"model":"small"}`
    expect(rewritten(text)).toBe(text.replace("small", "native"))
  })
})
