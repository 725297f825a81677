import { assert, describe, it } from "vitest"
import { executionAsyncResource } from "node:async_hooks"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { collectGarbage } from "../../../src/adapters/runtime/collectGarbage.ts"
import { keepTicksFast } from "../../../src/adapters/runtime/keepTicksFast.ts"
import { Effect } from "effect"

const tick = () => new Promise<object>((done) => process.nextTick(() => done(executionAsyncResource())))

describe("what the program asks of V8 and node", () => {
  it("node has an object for each call of process.nextTick, and gets hold of it", async () => {
    await keepTicksFast()
    const [one, other] = [await tick(), await tick()]
    assert.notStrictEqual(one, other)
    for (const each of [one, other]) assert.includeMembers(Object.keys(each), ["callback", "args"])
  })

  it("node knows the flag for how much the heap may grow, and sets it before anything large is loaded", () => {
    const flag = /setFlagsFromString\("--(heap-growing-percent)=\d+"\)/.exec(
      readFileSync("src/main.ts", "utf8"),
    )
    const { stdout } = spawnSync(process.execPath, ["--v8-options"], { encoding: "utf8" })
    assert.include(stdout, `--${flag?.[1]} `)
  })

  it("node gives back what is no longer used", async () => {
    const before = process.memoryUsage().heapTotal
    let much: Array<string> | undefined = Array.from({ length: 500_000 }, (_, index) => `line ${index}`)
    const full = process.memoryUsage().heapTotal
    assert.isAbove(full, before)
    much = undefined
    await Effect.runPromise(collectGarbage)
    assert.isBelow(process.memoryUsage().heapTotal, full)
    assert.isUndefined(much)
  })
})
