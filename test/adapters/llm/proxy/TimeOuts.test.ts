import { assert, describe, it } from "@effect/vitest"
import { stat } from "node:fs"
import { setImmediate as turn } from "node:timers/promises"
import { onTestFinished, vi } from "vitest"
import { TimeOuts } from "../../../../src/adapters/llm/proxy/TimeOuts.ts"

const MILLIS = { connect: 10_000, firstByte: 10_000, idle: 100, total: 10_000, stream: 20_000 }

/** Time passes only when the test says so. */
const playTime = () => {
  vi.useFakeTimers({
    toFake: ["performance", "setInterval", "clearInterval", "setImmediate", "clearImmediate"],
  })
  onTestFinished(async () => {
    // Nobody is watched any more, which the timer sees when it rings.
    await vi.advanceTimersByTimeAsync(100)
    vi.useRealTimers()
  })
}

/** As a process is that has too much to do. */
const beBusy = (millis: number) => {
  for (const end = performance.now() + millis; performance.now() < end;);
}

const watched = (millis: Partial<typeof MILLIS> = {}) => {
  const told: Array<string> = []
  const timeOuts = new TimeOuts({ ...MILLIS, ...millis }, (error) => {
    told.push(error)
    timeOuts.stop()
  })
  return { told, timeOuts }
}

describe("the time that a try may take", () => {
  it("the time that a try may take is over once, and is told by what did not come", async () => {
    playTime()
    const connecting = watched({ connect: 100 })
    const waiting = watched({ firstByte: 100 })
    waiting.timeOuts.connected()
    const silent = watched()
    silent.timeOuts.heard()
    const whole = watched({ total: 100 })
    const stopped = watched({ connect: 100 })
    stopped.timeOuts.stop()
    await vi.advanceTimersByTimeAsync(400)
    const told = [connecting, waiting, silent, whole, stopped].map((one) => one.told)
    assert.deepStrictEqual(told, [
      ["connect_timeout"],
      ["first_byte_timeout"],
      ["idle_timeout"],
      ["total_timeout"],
      [],
    ])
  })

  it("the time that a try may take is short once it is hurried, whatever comes", async () => {
    playTime()
    const { timeOuts, told } = watched({ idle: 5_000 })
    timeOuts.heard()
    timeOuts.hurry(100)
    timeOuts.heard()
    await vi.advanceTimersByTimeAsync(400)
    assert.deepStrictEqual(told, ["idle_timeout"])
  })

  it("the time that a try may take is put off by whatever comes, and while nothing is wanted", async () => {
    playTime()
    const [talking, paused] = [watched(), watched()]
    paused.timeOuts.heard()
    paused.timeOuts.pause()
    for (let count = 0; count < 20; count++) {
      talking.timeOuts.heard()
      await vi.advanceTimersByTimeAsync(90)
    }
    assert.deepStrictEqual([talking.told, paused.told], [[], []])
    talking.timeOuts.stop()
    paused.timeOuts.stop()
  })

  it("the time that a try may take is not over for what came in time to a process that was busy", async () => {
    const { timeOuts, told } = watched()
    timeOuts.heard()
    // So that timers come next, and what came is read after them.
    await turn()
    await new Promise<void>((done) => {
      stat(".", () => {
        // It is read with what else came, and taken in at the end of that turn of the loop.
        setImmediate(() => {
          timeOuts.heard()
          done()
        })
      })
      beBusy(250)
    })
    for (let turns = 0; turns < 3; turns++) await turn()
    assert.deepStrictEqual(told, [])
    timeOuts.stop()
  })
})
