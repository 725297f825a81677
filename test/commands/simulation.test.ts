import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Dispatcher, makeDispatcher } from "../../src/commands/dispatch.ts"
import { makeFirstAnswers } from "../../src/commands/dispatch/firstAnswers.ts"
import { Receipts } from "../../src/commands/Receipts.ts"
import { Digest } from "../../src/domain/Digest.ts"
import { EventLog } from "../../src/domain/EventLog.ts"
import type { Planted } from "./simulation/crew.ts"
import { KINDS_OF_FAULTS } from "./simulation/NodeLog.ts"
import { simulate } from "./simulation/simulate.ts"

const COMMANDS = 10_000
const FEW = 600
/** Ten seconds of processor time; a machine that does other things needs longer. */
const PATIENCE = 240_000

/** Another one each time; CREWLOG_SIMULATION_SEED has one again that was printed. */
const seed = Number(process.env["CREWLOG_SIMULATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31))

/** A dispatcher that never looks whether its command is on the log already. */
const forgetful = Layer.effect(
  Dispatcher,
  Effect.gen(function* () {
    const log = yield* EventLog
    const firstAnswers = makeFirstAnswers(log, yield* Receipts)
    const none = () => Effect.undefined
    return makeDispatcher(log, yield* Digest, { ...firstAnswers, earlier: none, since: none }, false)
  }),
)

describe("a simulated crew", () => {
  it.effect(
    `a simulated crew keeps its promises on three nodes, whatever the log does (CREWLOG_SIMULATION_SEED=${seed})`,
    () =>
      Effect.gen(function* () {
        const { faults, findings, ...tally } = yield* simulate(seed, COMMANDS)
        yield* Effect.logInfo("simulated", { seed, ...tally, ...Object.fromEntries(faults) })
        assert.deepStrictEqual(findings, [])
        assert.isAtLeast(tally.commands, COMMANDS)
        for (const count of [tally.repeats, tally.unchanged]) assert.isAbove(count, 100)
        assert.isAbove(tally.restarts, 0)
        assert.strictEqual(faults.size, KINDS_OF_FAULTS)
      }),
    PATIENCE,
  )

  it.effect("a simulated crew does the same again for the same seed", () =>
    Effect.gen(function* () {
      const [one, other] = [yield* simulate(7, FEW), yield* simulate(7, FEW)]
      assert.deepStrictEqual({ ...one, faults: [...one.faults] }, { ...other, faults: [...other.faults] })
    }),
  )

  const turnsRed = (what: string, planted: Planted, finding: RegExp) =>
    it.effect(`a dispatcher is found out ${what}`, () =>
      Effect.gen(function* () {
        const { findings } = yield* simulate(11, FEW, planted)
        assert.match(findings.join("\n"), finding)
      }),
    )

  turnsRed("without the guard", { isGuarded: false }, /is impossible|names record \d+ as its predecessor/)
  turnsRed("when answers come before acknowledgements", { isHasty: true }, /was answered with \d+, where/)
  turnsRed(
    "without a look at the log for the command's own record",
    { dispatcher: forgetful },
    /when repeated|was used for something else/,
  )
})
