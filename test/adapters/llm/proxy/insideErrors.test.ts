import { describe, expect, it } from "vitest"
import { chatAnswer, chatEvents } from "../../../support/providerAnswers.ts"
import { json, stream } from "../../../support/upstream.ts"
import { KEY, MODEL, NATIVE, openTwo } from "./gateway.ts"

const data = (body: object) => `data: ${JSON.stringify(body)}\n\n`
const choice = (more: object) => ({ index: 0, message: { content: "" }, delta: { content: "" }, ...more })
const inChoice = (more: object) => ({ ...chatAnswer(NATIVE), choices: [choice(more)] })
const base = (status_code: number, status_msg: string) => ({
  choices: null,
  base_resp: { status_code, status_msg },
})

// A line for each failure under a status of 200: whose it is, its body, and the word for it in the record.
const failures: ReadonlyArray<readonly [provider: string, body: object, word: string]> = [
  ["OpenRouter", inChoice({ finish_reason: "error", error: { code: 502, message: "gone" } }), "http_502"],
  ["OpenRouter", inChoice({ finish_reason: "error" }), "http_502"],
  ["OpenRouter", inChoice({ error: { code: 429, message: "slow" } }), "rate_limited"],
  ["OpenRouter", inChoice({ error: { code: 403, message: "It was flagged" } }), "content_refused"],
  ["MiniMax", base(1002, "rate limit"), "rate_limited"],
  ["MiniMax", base(1004, "login fail"), "unauthorized"],
  ["MiniMax", base(1008, "insufficient balance"), "quota"],
  ["MiniMax", base(1013, "internal"), "http_502"],
  ["MiniMax", base(1027, "output new_sensitive"), "content_refused"],
  ["DashScope", { code: "Arrearage", message: "Access denied", request_id: "1" }, "quota"],
  ["vLLM", { object: "error", message: "out of memory", code: 500 }, "http_500"],
  ["anybody", { error: { message: "x", type: "server_error" } }, "http_502"],
]
const nothing: ReadonlyArray<object> = [{ choices: [] }, { choices: null }, { id: "1" }]

// A line for each success that looks like a failure.
const successes: ReadonlyArray<object> = [
  { error: {} },
  { error: null },
  { error: "" },
  { error: { message: "", code: null } },
  { error: { message: "success", code: 0 } },
  { base_resp: { status_code: 0, status_msg: "success" } },
  { code: "200", message: "ok" },
]

describe("Under a 200", () => {
  it.each(failures)("%s's %j is a failure: another backend serves", async (_provider, body, word) => {
    const { first, gateway } = await openTwo()
    first.next(json(body))
    expect((await gateway.chat()).json).toEqual(chatAnswer(MODEL))
    expect(await gateway.record()).toMatchObject({ lane: "fallback", failures: [{ error: word }] })
  })

  it.each(failures)("%s's event %j is one as well", async (_provider, body, word) => {
    const { first, gateway } = await openTwo()
    first.next(stream([data(body), "data: [DONE]\n\n"]))
    expect((await gateway.chat({ stream: true })).text).toContain("Hel")
    expect(await gateway.record()).toMatchObject({ lane: "fallback", failures: [{ error: word }] })
  })

  it.each(nothing)("%j is no answer", async (body) => {
    const { first, gateway } = await openTwo()
    first.next(json({ ...chatAnswer(NATIVE), choices: undefined, ...body }))
    expect((await gateway.chat()).json).toEqual(chatAnswer(MODEL))
    first.next(stream(["data: [DONE]\n\n"]))
    gateway.forget()
    expect((await gateway.chat({ stream: true })).status).toBe(200)
    for (const number of [1, 2]) {
      expect(await gateway.record(number)).toMatchObject({ failures: [{ error: "empty_answer" }] })
    }
  })

  it.each(successes)("%j beside an answer is none", async (more) => {
    const { first, gateway } = await openTwo()
    first.next(json({ ...chatAnswer(NATIVE), ...more }))
    expect((await gateway.chat()).json).toEqual({ ...chatAnswer(MODEL), ...more })
    const [role, ...others] = chatEvents(NATIVE, ["Hi"])
    first.next(stream([`${role}`, data({ model: NATIVE, choices: [], ...more }), ...others]))
    expect((await gateway.chat({ stream: true })).text).toContain("[DONE]")
    for (const number of [1, 2]) expect(await gateway.record(number)).toMatchObject({ failures: [] })
  })
})

describe("The provider's name of a model", () => {
  it("the name does not come out where the first event has the caller's", async () => {
    const { first, gateway } = await openTwo()
    const [role, ...others] = chatEvents(NATIVE, ["Hi", "there"])
    first.next(stream([`${role}`.replace(NATIVE, MODEL), ...others]))
    const { text } = await gateway.chat({ stream: true })
    expect(text).toBe(chatEvents(MODEL, ["Hi", "there"]).join(""))
  })

  it("the name is not taken for a part of another word, and keys do not come out", async () => {
    const { first, gateway } = await openTwo()
    first.next(json({ error: { message: `${NATIVE}, ${NATIVE}s and ${KEY}` } }, 400))
    expect((await gateway.chat()).text).toContain(`${MODEL}, ${NATIVE}s and ***`)
  })
})
