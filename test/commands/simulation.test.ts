import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { simulate } from "./simulation/simulate.ts"

const COMMANDS = Number(process.env["N"] ?? 10_000)

/** Another one each time; CREWLOG_SIMULATION_SEED has one that was printed again. */
const seed = Number(process.env["CREWLOG_SIMULATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31))

describe("a simulated crew", () => {
  it.effect(
    "a simulated crew keeps its promises on three nodes, whatever the log does",
    () =>
      Effect.gen(function* () {
        const began = performance.now()
        const result = yield* simulate(seed, COMMANDS)
        yield* Effect.sync(() =>
          process.stdout.write(
            `seed ${seed}, ${Math.round(performance.now() - began)} ms ${JSON.stringify({ ...result, faults: Object.fromEntries(result.faults) }).slice(0, 6000)}\n`,
          ),
        )
        assert.deepStrictEqual(result.findings, [], `CREWLOG_SIMULATION_SEED=${seed} has it again`)
      }),
    60_000,
  )
})
