import { describe, expect, it } from "vitest"
import { messagesEvents, responsesEvents } from "../../../support/providerAnswers.ts"
import { cut, stall, stream } from "../../../support/upstream.ts"
import { eventsIn, MODEL, NATIVE, openOne } from "./gateway.ts"

const data = (value: object) => `data: ${JSON.stringify(value)}\n\n`
const chunk = (...choices: ReadonlyArray<object>) => data({ id: "x", model: NATIVE, choices })
const said = (content: string, index = 0) => chunk({ index, delta: { content }, finish_reason: null })
const finish = (index = 0, reason = "stop") => chunk({ index, delta: {}, finish_reason: reason })
const empty = chunk({ index: 0, delta: {}, finish_reason: null })
const usage = data({ id: "x", model: NATIVE, choices: [], usage: { prompt_tokens: 2, completion_tokens: 1 } })
const filtered = chunk({
  index: 0,
  delta: {},
  finish_reason: null,
  content_filter_offsets: { end_offset: 9 },
})
const fault = data({ error: { message: "x", code: 500 } })
const done = "data: [DONE]\n\n"
const ping = ": ping\n\n"

type Piece = Parameters<typeof stream>[0][number]
interface Row {
  readonly sent: ReadonlyArray<Piece>
  readonly asked?: object
  readonly isComplete: boolean
}

/** Streams, and whether they are complete: each choice has finished. A row is a line. */
const chats: Record<string, Row> = {
  "that ends with [DONE]": { sent: [said("a"), finish(), done], isComplete: true },
  "with no finish, and [DONE]": { sent: [said("a"), done], isComplete: true },
  "that ends without [DONE]": { sent: [said("a"), finish()], isComplete: true },
  "with comments behind its finish": { sent: [said("a"), finish(), ping, ping, ping], isComplete: true },
  "with empty chunks behind it": { sent: [said("a"), finish(), empty, empty, empty], isComplete: true },
  "with filter results behind it": { sent: [said("a"), finish(), filtered, filtered], isComplete: true },
  "with usage behind it": { sent: [said("a"), finish(), usage], isComplete: true },
  "with its finish in its last output": {
    sent: [chunk({ index: 0, delta: { content: "a" }, finish_reason: "length" })],
    isComplete: true,
  },
  "with calls of tools": { sent: [said("a"), finish(0, "tool_calls"), ping], isComplete: true },
  "that is cut behind its finish": { sent: [said("a"), finish(), cut], isComplete: true },
  "that fails behind its finish": { sent: [said("a"), finish(), fault], isComplete: true },
  "that breaks an event behind its finish": { sent: [said("a"), finish(), "data: {"], isComplete: true },
  "without a finish": { sent: [said("a"), said("b")], isComplete: false },
  "without a finish, but comments": { sent: [said("a"), ping, ping], isComplete: false },
  "without a finish, but usage": { sent: [said("a"), usage], isComplete: false },
  "that is cut": { sent: [said("a"), cut], isComplete: false },
  "whose finish is empty text": { sent: [said("a"), finish(0, "")], isComplete: false },
  "whose finish is an error": { sent: [said("a"), finish(0, "error")], isComplete: false },
  "that says finish_reason in its text": { sent: [said('"finish_reason":"stop"')], isComplete: false },
  "of two choices that finish": {
    asked: { n: 2 },
    sent: [said("a"), said("b", 1), finish(1), said("c"), finish(0), ping],
    isComplete: true,
  },
  "of two choices in one chunk": {
    asked: { n: 2 },
    sent: [said("a"), chunk({ index: 0, finish_reason: "stop" }, { index: 1, finish_reason: "stop" })],
    isComplete: true,
  },
  "of two choices of which one finishes": {
    asked: { n: 2 },
    sent: [said("a"), said("b", 1), finish(0), said("c", 1)],
    isComplete: false,
  },
  "of two choices of which one never comes": {
    asked: { n: 2 },
    sent: [said("a"), finish()],
    isComplete: false,
  },
  "of more choices than were asked for": {
    sent: [chunk({ index: 0, delta: { content: "a" } }, { index: 1, delta: { content: "b" } }), finish(1)],
    isComplete: false,
  },
  "of one choice without an index": {
    sent: [chunk({ delta: { content: "a" }, finish_reason: "stop" })],
    isComplete: true,
  },
}

describe("A stream of a chat", () => {
  it.each(Object.entries(chats))(
    "a chat %s is told for what it is",
    async (_name, { asked, isComplete, sent }) => {
      const { gateway, upstream } = await openOne()
      const hasBegun = gateway.begun()
      const [first = "", ...others] = sent
      upstream.next(stream([first, () => hasBegun, ...others]))
      const { text } = await gateway.chat({ stream: true, ...asked })
      const last = eventsIn(text).at(-1)
      expect(last?.error === undefined).toBe(isComplete)
      expect(await gateway.record()).toMatchObject({ outcome: isComplete ? "ok" : "error" })
    },
  )

  it("a stream that is complete is not waited for without end", async () => {
    const { gateway, upstream } = await openOne({}, { options: { idle_timeout_seconds: 0.2 } })
    upstream.next(stream([said("a"), finish(), stall]))
    const { text } = await gateway.chat({ stream: true })
    expect(eventsIn(text)).toHaveLength(2)
    expect(await gateway.record()).toMatchObject({ outcome: "ok", error: null })
    const asked = await upstream.request(1)
    await asked.closed
    expect(asked.wasAborted()).toBe(true)
  })
})

const prompts: ReadonlyArray<readonly [name: string, prompt: unknown, choices: number]> = [
  ["a text", "a", 1],
  ["two texts", ["a", "b"], 2],
  ["tokens", [1, 2, 3], 1],
  ["two lists of tokens", [[1], [2]], 2],
]

describe("A stream of completions", () => {
  it.each(prompts)("a stream of %s has a finish for each", async (_name, prompt, choices) => {
    const { gateway, upstream } = await openOne()
    const ends = Array.from({ length: choices }, (_, index) =>
      data({ model: NATIVE, choices: [{ index, text: "x", finish_reason: "stop" }] }),
    )
    for (const number of [choices, choices - 1]) {
      const hasBegun = gateway.begun()
      upstream.next(stream([said("x"), () => hasBegun, ...ends.slice(0, number)]))
      const { text } = await gateway.ask("/v1/completions", { model: MODEL, stream: true, prompt })
      expect(eventsIn(text).at(-1)?.error === undefined).toBe(number === choices)
    }
  })
})

describe("A stream of another API", () => {
  it.each([
    ["messages", "anthropic-messages", messagesEvents(NATIVE, ["a"]), 1],
    ["responses", "openai-responses", responsesEvents(NATIVE, ["a"]), 0],
  ] as const)("a stream at %s is complete at its finish", async (route, api, events, spare) => {
    const { gateway, upstream } = await openOne({ api })
    for (const dropped of [spare, spare + 1]) {
      const hasBegun = gateway.begun()
      upstream.next(
        stream([...events.slice(0, 5), () => hasBegun, ...events.slice(5, events.length - dropped)]),
      )
      const { text } = await gateway.ask(`/v1/${route}`, { model: MODEL, stream: true })
      expect(text.includes("event: error")).toBe(dropped > spare)
    }
  })
})
