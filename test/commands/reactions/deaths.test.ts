import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import type { IncomingMessage } from "node:http"
import type { NatsAccess } from "../../../src/adapters/runtime/EmbeddedNats.ts"
import { until } from "../../adapters/postgres/schemas.ts"
import { FreshDispatcher } from "../../support/commands.ts"
import { logOn } from "../../support/log.ts"
import { freshDatabase, freshNats } from "../../support/servers.ts"
import { Outside } from "./Outside.ts"
import { type Call, serve } from "./overHttp.ts"
import { listening, pidOf, twoNodes } from "./twoNodes.ts"
import { records, request, stateOf } from "./world.ts"

/** The steps at which the nodes that reach them die, in turn. */
class Script {
  steps: Array<string> = []
  readonly deaths: Array<string> = []
  /** The next node that is about to send is frozen there. */
  freezes = false
  frozen = 0
  #late: Pick<Call, "key" | "act"> | undefined

  isLast(step: string): boolean {
    if (this.steps[0] !== step) return false
    this.steps.shift()
    this.deaths.push(step)
    return true
  }

  /** Steps of a call as the outside has them: it kills the caller itself. */
  watch(step: "arrived" | "acted", { act, key, request }: Call): boolean {
    const isLate = step === "arrived" && this.isLast("arrived, acts late")
    if (isLate) this.#late = { key, act }
    else if (!this.isLast(step)) {
      // The call that was on its way for so long takes effect now, when another has sent it again.
      if (step === "arrived" && this.#late?.key === key) this.#late.act()
      return true
    }
    process.kill(pidOf(request), "SIGKILL")
    return false
  }

  /** Steps as nodes tell them: the signal that they are to give themselves. */
  answer(request: IncomingMessage): string {
    const step = request.url?.slice(1).replaceAll("-", " ") ?? ""
    if (this.isLast(step)) return "SIGKILL"
    if (step !== "sending" || !this.freezes) return ""
    this.freezes = false
    this.frozen = pidOf(request)
    return "SIGSTOP"
  }
}

/** Each line one after the other: who dies where, and what happens to the first call before that. */
const stories: ReadonlyArray<{
  readonly deaths: ReadonlyArray<string>
  readonly to?: string
  readonly fault?: "away"
  readonly callsAgain?: boolean
}> = [
  { deaths: [] },
  { deaths: ["before call"] },
  { deaths: ["arrived"] },
  { deaths: ["acted"] },
  { deaths: ["before record"] },
  { deaths: ["after record"] },
  { deaths: ["before giving up"], to: "eve" },
  { deaths: ["after giving up"], to: "eve" },
  { deaths: ["before postponement"], fault: "away" },
  { deaths: ["after postponement"], fault: "away" },
  { deaths: ["acted", "taking over"] },
  { deaths: ["acted", "before inquiry"] },
  { deaths: ["acted", "after inquiry"] },
  { deaths: ["acted", "before record"] },
  { deaths: ["acted", "after record"] },
  { deaths: ["before call", "after inquiry", "acted", "before inquiry", "after record"] },
  { deaths: ["arrived, acts late"], callsAgain: true },
]

const lived = Effect.fnUntraced(function* (access: NatsAccess, databaseUrl: string) {
  const outside = new Outside()
  outside.refused.add("eve")
  const script = new Script()
  const nodes = yield* twoNodes({
    nats: Redacted.value(access.backend),
    databaseUrl,
    outside: yield* serve(outside, (...all) => script.watch(...all)),
    script: yield* listening((request) => script.answer(request)),
  })

  for (const [number, { callsAgain, deaths, fault, to = "ada" }] of stories.entries()) {
    yield* until(nodes.ready, (ready) => ready === 2)
    const ids = [`${number}-a`, `${number}-b`, `${number}-c`]
    script.steps = [...deaths]
    if (fault !== undefined) outside.faults.push(fault)
    yield* request(to, ...ids)
    const ends = yield* until(Effect.forEach(ids, stateOf), (states) =>
      states.every(({ _tag }) => _tag === "Delivered" || _tag === "Failed"),
    )
    const story = `${number}: ${deaths.join(", ")}\n${nodes.output()}`
    assert.deepStrictEqual(script.steps, [], story)
    const end = to === "eve" ? "Failed" : "Delivered"
    assert.deepStrictEqual(new Set(ends.map(({ _tag }) => _tag)), new Set([end]), story)
    const counts = (all: ReadonlyMap<string, number>) => ids.map((id) => all.get(id) ?? 0)
    assert.deepStrictEqual(counts(outside.effects), to === "eve" ? [0, 0, 0] : [1, 1, 1], story)
    const most = Math.max(...counts(outside.calls))
    if (callsAgain === true) assert.strictEqual(most, 2, story)
    else assert.isAtMost(most, to === "eve" ? 2 : 1, story)
  }
  yield* woken(outside, script)
  return script.deaths
})

/** A leader that was frozen wakes up and believes that it still leads: it sends once more, under the same key. */
const woken = Effect.fnUntraced(function* (outside: Outside, script: Script) {
  script.freezes = true
  yield* request("ada", "frozen")
  yield* until(stateOf("frozen"), ({ _tag }) => _tag === "Delivered")
  assert.isAbove(script.frozen, 0)
  process.kill(script.frozen, "SIGCONT")
  yield* until(
    Effect.sync(() => outside.calls.get("frozen")),
    (calls) => calls === 2,
  )
  assert.strictEqual(outside.effects.get("frozen"), 1)
})

describe("kill -9 at every step of a reaction, with two nodes on real servers", () => {
  it.live(
    "a kill -9 at every step of a reaction leaves nothing owed undone, and each effect counted once under its key",
    () =>
      Effect.gen(function* () {
        const access = yield* freshNats
        const databaseUrl = yield* freshDatabase
        yield* Effect.gen(function* () {
          const deaths = yield* lived(access, databaseUrl)
          assert.lengthOf(deaths, stories.flatMap(({ deaths }) => deaths).length)
          const ends = (yield* records).filter(({ record }) =>
            record.events.some(({ _tag }) => _tag === "Delivered" || _tag === "DeliveryFailed"),
          )
          assert.lengthOf(ends, stories.length * 3 + 1)
          assert.strictEqual(new Set(ends.map(({ subject }) => subject.id)).size, ends.length)
        }).pipe(Effect.provide(FreshDispatcher.pipe(Layer.provideMerge(logOn(access)))))
      }).pipe(Effect.scoped),
    180_000,
  )
})
