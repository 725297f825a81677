import { Effect, Fiber, Layer, Random as EffectRandom } from "effect"
import { TestClock } from "effect/testing"
import type { Random } from "../../../chaos/Random.ts"
import { layer as DigestLayer } from "../../../src/adapters/node/Digest.ts"
import { verify } from "../../../src/cli/verify/verification.ts"
import { makeDependencies } from "../../../src/commands/reactions/dependencies.ts"
import type { Actor } from "../../../src/domain/Actor.ts"
import { EventLog } from "../../../src/domain/EventLog.ts"
import { DEPENDENCIES } from "../../../src/projections/Owed.ts"
import { tablesOf } from "../../projections/Tables.ts"
import { crew, NODES, type Planted } from "./crew.ts"
import { ask, type Scene, work, wrongRepeat } from "./Client.ts"
import { acknowledged, linearizable, numberedOnce, onceEach, planned } from "./laws.ts"
import { NodeLog } from "./NodeLog.ts"
import type { SimulatedLog } from "./SimulatedLog.ts"
import { setUp } from "./setUp.ts"

const AGENTS = ["bob", "cid", "dan", "eve", "fay", "gil", "hal"]
const ADMINS = 2
const REPEATED_AT_THE_END = 400
/** Longer than anything is on its way. */
const AFTERWARDS = "1 second"

const agent = (slug: string): Actor => ({ slug, name: slug, type: "agent", role: "member" })
const admin: Actor = { slug: "ada", name: "Ada", type: "human", role: "admin" }

/** The read model of the whole log; undefined, with a finding, where the log is not what it can be made of. */
const readModelOf = (log: SimulatedLog, findings: Array<string>) => {
  try {
    return tablesOf(log)
  } catch (error) {
    findings.push(`the log can't be projected: ${String(error)}`)
    return undefined
  }
}

/** The plan's reaction to all that is owed, as often as it finds something to do. */
const sweep = Effect.fnUntraced(function* (log: SimulatedLog, findings: Array<string>) {
  const { perform } = yield* makeDependencies
  let attempt = 0
  for (let before = -1; before !== log.records.length;) {
    before = log.records.length
    attempt += 1
    for (const { due, id, kind, seq } of readModelOf(log, findings)?.rows("owed") ?? []) {
      if (kind !== DEPENDENCIES) continue
      yield* perform({ kind, id: String(id), due: String(due), attempt, seq: Number(seq), target: null })
    }
  }
})

/** The first answers again, long after, on nodes that have seen nothing of it. */
const repeatAll = Effect.fnUntraced(function* (scene: Scene, random: Random) {
  for (const call of random.shuffled(scene.calls).slice(0, REPEATED_AT_THE_END)) {
    const { envelope, told, wish } = call
    if (told.kind !== "accepted" || envelope.commandId.startsWith(":")) continue
    const again = yield* ask(scene, random, call)
    const wrong = wrongRepeat(told.outcome, again, false)
    if (wrong !== undefined)
      scene.findings.push(`${wish.name} of ${envelope.commandId}, at the end: ${wrong}`)
    scene.tally.repeats += 1
  }
})

/** The whole log as `crewlog verify` sees it. */
const problemsIn = (log: EventLog["Service"]) =>
  verify(undefined).pipe(
    Effect.provide([Layer.succeed(EventLog, log), DigestLayer]),
    Effect.map(({ verification }) =>
      verification.problems.map(({ problem, seq }) => `record ${seq} ${problem}`),
    ),
  )

/** A storm over a crew at work, and a look at what is left of its promises. */
const simulation = Effect.fnUntraced(function* (seed: number, commands: number, planted: Planted) {
  const { digest, faults, log, nodes, random, restart, started, way, weather } = yield* crew(seed, planted)
  let moment = 0
  const scene: Scene = {
    nodes,
    restart,
    board: yield* setUp(nodes[0]!, AGENTS),
    calls: [],
    findings: [],
    digest,
    moment: () => (moment += 1),
    tally: { commands: 0, repeats: 0, unchanged: 0, open: 0 },
  }

  weather.isCalm = false
  const actors = [...AGENTS.map(agent), ...Array.from({ length: ADMINS }, () => admin)]
  yield* Effect.forEach(
    actors,
    (actor, index) => work(scene, actor, random.fork(`client ${index}`), Math.ceil(commands / actors.length)),
    { concurrency: "unbounded" },
  )

  weather.isCalm = true
  yield* Effect.sleep(AFTERWARDS)
  for (const index of nodes.keys()) yield* restart(index)
  yield* repeatAll(scene, random)
  yield* Effect.flatMap(nodes[0]!.carryOut(sweep(log, scene.findings)), (exit) => exit ?? Effect.void)
  const quiet = new NodeLog(way(), () => {}).service
  const findings = [
    ...scene.findings,
    ...linearizable(scene.calls, scene.board.contested),
    ...onceEach(log.records),
    ...acknowledged(scene.calls, log.records),
    ...numberedOnce(log.records),
    ...planned(log.records, scene.calls),
    ...(yield* problemsIn(quiet)),
  ]
  return { findings, ...scene.tally, records: log.records.length, restarts: started() - 2 * NODES, faults }
})

/** The same for the same seed: time is the test's, and passes as fast as everything else does. */
export const simulate = (seed: number, commands: number, planted: Planted = {}) =>
  Effect.gen(function* () {
    const running = yield* Effect.forkChild(Effect.scoped(simulation(seed, commands, planted)))
    while (running.pollUnsafe() === undefined) yield* TestClock.adjust("1 millis")
    return yield* Fiber.join(running)
  }).pipe(EffectRandom.withSeed(`simulation ${seed}`))
