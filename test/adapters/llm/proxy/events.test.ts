import { describe, expect, it } from "vitest"
import { dataOf, endOfEvent, Events, onOneLine } from "../../../../src/adapters/llm/proxy/events.ts"
import { ModelNames, nextNotable, streamEvent } from "../../../../src/adapters/llm/proxy/streamEvents.ts"
import type { Wire } from "../../../../src/adapters/llm/proxy/proxyRoutes.ts"
import { chatEvents, messagesEvents, responsesEvents } from "../../../support/providerAnswers.ts"

const cut = (bytes: Buffer, ...at: ReadonlyArray<number>) => {
  const events = new Events()
  const whole: Array<string> = []
  let from = 0
  for (const to of [...at, bytes.length]) {
    const text = events.push([bytes.subarray(from, to)])
    from = to
    for (let at = 0; at < text.length;) {
      const end = endOfEvent(text, at)
      whole.push(text.slice(at, end))
      at = end
    }
  }
  // A blank line more before an event means nothing.
  const bare = whole.map((event) => Buffer.from(event, "latin1").toString().trimStart())
  return { whole: bare.filter((event) => event !== ""), rest: events.rest }
}

const sent = [
  'data: {"a":"é\u{1f600}"}\n\n',
  ": comment\n\n",
  "event: x\r\ndata: 1\r\n\r\n",
  "data: a\ndata: b\n\n",
  "\n\n",
  "data: mixed\r\n\n",
  "id: 7\nretry: 5\ndata:none\n\r\n",
]

describe("A stream of bytes", () => {
  const bytes = Buffer.from(sent.join(""))

  it("a stream of bytes is cut into the same events wherever it is split", () => {
    const { whole } = cut(bytes)
    expect(whole).toEqual(sent.filter((event) => event.trim() !== ""))
    for (let one = 1; one < bytes.length; one += 1) {
      expect(cut(bytes, one).whole).toEqual(whole)
      for (let two = one + 1; two < bytes.length; two += 7) expect(cut(bytes, one, two).whole).toEqual(whole)
    }
  })

  it("a stream of bytes is cut byte by byte", () => {
    const all = Array.from({ length: bytes.length - 1 }, (_, at) => at + 1)
    expect(cut(bytes, ...all)).toEqual({ whole: cut(bytes).whole, rest: "" })
  })

  it("a stream of bytes keeps what has no end yet", () => {
    const { rest, whole } = cut(Buffer.from("data: 1\n\ndata: 2\n"), 3, 12)
    expect(whole).toEqual(["data: 1\n\n"])
    expect(rest).toBe("data: 2\n")
  })

  it("that drips is taken in without looking at all of it again and again", () => {
    const events = new Events()
    const drop = Buffer.from("x".repeat(10))
    events.push([Buffer.from("data: ")])
    const since = performance.now()
    for (let count = 0; count < 200_000; count += 1) events.push([drop])
    expect(events.push([Buffer.from("\n\n")])).toHaveLength(2_000_008)
    // Quadratic it takes minutes.
    expect(performance.now() - since).toBeLessThan(5_000)
  })
})

describe("The data of an event", () => {
  it.each([
    ["data: 1\n\n", "1"],
    ["data:1\n\n", "1"],
    ["data:  1\n\n", " 1"],
    ["event: x\r\ndata: 1\r\n\r\n", "1"],
    ["data: a\ndata: b\n\n", "a\nb"],
    [": data: x\n\n", ""],
    ["event: x\n\n", ""],
    ["\n", ""],
  ])("%j is %j", (event, data) => {
    expect(dataOf(event)).toBe(data)
  })

  it("the data of an event can be brought into one line", () => {
    expect(onOneLine('event: x\ndata: {"a":\r\ndata: 1}\n\n')).toBe('event: x\ndata: {"a": 1}\n\n')
    expect(onOneLine("data: 1\n\n")).toBeUndefined()
  })
})

const streams: ReadonlyArray<readonly [Wire, ReadonlyArray<string>]> = [
  [
    "openai",
    chatEvents("m", ["Hi", '"error"', '"usage":{', "[DONE]", "message_stop"], { usage: { total_tokens: 1 } }),
  ],
  ["anthropic", messagesEvents("m", ["Hi", '"error"', '"usage":{', "[DONE]"])],
  ["responses", responsesEvents("m", ["Hi", '"error"', '"response":{', "done"])],
]

describe("An error in an event", () => {
  it.each(["openai", "anthropic", "responses"] as const)(
    "an error in an event is one without its type, too (%s)",
    (wire) => {
      const event = 'data: {"error":{"code":"rate_limit_exceeded","message":"slow"}}\n\n'
      expect(streamEvent(wire, event).error).toMatchObject({ code: "rate_limit_exceeded", message: "slow" })
    },
  )
})

describe("An event that need not be read", () => {
  it.each(streams)("has nothing to tell but output (%s)", (wire, events) => {
    let ordinary = 0
    for (const event of events) {
      if (nextNotable(wire, event, 0) >= 0) continue
      ordinary += 1
      const { error, isEnd, usage } = streamEvent(wire, event)
      expect({ error, isEnd, usage: usage ?? undefined }).toEqual({
        error: undefined,
        isEnd: false,
        usage: undefined,
      })
    }
    expect(ordinary).toBeGreaterThan(3)
  })

  it.each([
    ["openai", 'data: {"choices":[],"usage" : {"total_tokens":1}}\n\n'],
    ["openai", 'data: {"choices":[],"usage":\n{"total_tokens":1}}\n\n'],
    ["openai", 'data: {"error":{"message":"x"}}\n\n'],
    ["openai", "data: [DONE]\n\n"],
    ["openai", "data:[DONE]\r\n\r\n"],
    ["anthropic", 'event: error\ndata: {"type":"error","error":{}}\n\n'],
    ["anthropic", 'data: {"type":"message_stop"}\n\n'],
    ["responses", 'data: {"type":"response.completed","response" : {}}\n\n'],
    ["responses", 'data: {"type":"error","message":"x"}\n\n'],
  ] as const)("is none of these (%s %s)", (wire, event) => {
    const text = `data: {}\n\n${event}`
    expect(nextNotable(wire, text, 0)).toBeGreaterThanOrEqual(10)
    expect(nextNotable(wire, text, text.length)).toBe(-1)
  })
})

const named = (wire: Wire, name: string, events: ReadonlyArray<string>) => {
  const names = new ModelNames(wire, name)
  const out: Array<string> = []
  for (const event of events) names.add(event, out)
  return out.join("")
}

describe("The model in events", () => {
  it.each(streams)("gets the caller's name (%s)", (wire, events) => {
    const text = named(wire, "my/modèl", events)
    expect(text).not.toContain('"model":"m"')
    expect(text.replaceAll('"my/mod\\u00e8l"', '"m"')).toBe(events.join(""))
  })

  it("the model in events is found wherever it stands, and nothing else is taken for it", () => {
    const chunk = (more: string) => `data: {"choices":[{"model":"x"}],${more}}\n\n`
    expect(
      named("openai", "mine", [
        chunk('"model":"a"'),
        chunk('"model" : "b"'),
        chunk('"x":1,"model":"a"'),
        chunk('"model":7'),
      ]),
    ).toBe(
      chunk('"model":"mine"') +
        chunk('"model" : "mine"') +
        chunk('"x":1,"model":"mine"') +
        chunk('"model":7'),
    )
  })

  it.each([
    ["\n\n", "\n\n"],
    ["\r\n\r\n", "\r\n\r\n"],
    ["\r\n\r\n", "\n\n"],
    ["\n\n", "\r\n\r\n"],
  ])("is found in each of several that come together, whatever they end in (%j, %j)", (one, other) => {
    const two = (model: string) =>
      `data: {"model":"${model}","a":1}${one}data: {"model":"${model}","a":2}${other}`
    const names = new ModelNames("openai", "mine")
    const out: Array<string> = []
    names.addAll(two("a"), out)
    names.addAll(two("a"), out)
    expect(out.join("")).toBe(two("mine") + two("mine"))
  })

  it("the model in events is found in data of several lines", () => {
    expect(named("openai", "mine", ['data: {"id":1,\ndata: "model":"a"}\n\n'])).toBe(
      'data: {"id":1, "model":"mine"}\n\n',
    )
  })

  it("that is the same already costs nothing", () => {
    const events = ['data: {"model":"mine","a":1}\n\n', ": comment\n\n", "data: [DONE]\n\n"]
    expect(named("openai", "mine", events)).toBe(events.join(""))
  })

  it("the model in events is passed on with whatever can't be read", () => {
    const events = [
      "data: {broken\n\n",
      "data: \n\n",
      "event: x\n\n",
      'data: {"model":"a"\n\n',
      'data: "model"\n\n',
    ]
    expect(named("openai", "mine", events)).toContain("data: {broken\n\n")
    expect(named("openai", "mine", events)).toHaveLength(events.join("").length + 3)
  })
})
