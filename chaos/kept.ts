import { compareWithLog } from "./checks/acknowledged.ts"
import { checkHolders } from "./checks/holders.ts"
import { verified } from "./checks/rebuilt.ts"
import { killsIn, type Tally } from "./faults.ts"
import type { Finding } from "./Finding.ts"
import { entriesOf, type Stored } from "./logRecords.ts"
import type { Stage } from "./Storm.ts"

/** Compares the answers that the crew got with the log: P1 to P3, after the nodes have stopped. */
export const kept = async (
  stage: Stage,
  written: ReadonlyArray<Stored>,
  tally: Tally,
  scale: number,
): Promise<ReadonlyArray<Finding>> => {
  const { board, journal, nats, postgres, scene } = stage
  const compared = compareWithLog(journal, entriesOf(written))
  const holders = checkHolders(journal.calls)
  const { problems } = await verified(scene, nats.target, postgres.url)
  const count = (name: string) => tally.get(name) ?? 0
  return [
    {
      promise: "P1",
      what: "accepted is kept",
      counts: {
        accepted: journal.count("accepted"),
        kills: killsIn(tally),
        freezes:
          count("freezes of nats-server") + count("freezes of PostgreSQL") + count("freezes of a node"),
        lost: compared.lost.length,
      },
      atLeast: { accepted: 200 * scale, kills: 4, freezes: 3 },
      broken: [...compared.lost, ...problems.map(({ problem, seq }) => `verify: ${seq} ${problem}`)],
    },
    {
      promise: "P2",
      what: "one holder at a time",
      counts: { operations: holders.operations, unknown: holders.unknown, tasks: board.tasks.length },
      atLeast: { operations: 200 * scale },
      broken: [
        ...holders.impossible.map((task) => `the history of task ${task} can't have happened`),
        ...holders.undecided.map((task) => `the history of task ${task} is too tangled to be judged`),
      ],
    },
    {
      promise: "P3",
      what: "a repeat takes effect once",
      counts: {
        "unknown outcomes": journal.lostAnswers + stage.lostAcknowledgements(),
        cuts: count("cuts to NATS") + count("cuts to clients") + count("cuts to PostgreSQL"),
        repeats: journal.repeats,
      },
      atLeast: { "unknown outcomes": 100, cuts: 20, repeats: 30 },
      broken: [
        ...compared.doubled.map((one) => `took effect twice: ${one}`),
        ...compared.ghosts.map((one) => `refused, but took effect: ${one}`),
        ...compared.unheardOf.map((one) => `on the log, but never given: ${one}`),
        ...answeredOtherwise(stage, written),
      ],
    },
  ]
}

/**
 * The repeats that were answered otherwise than first. A command that changed nothing is not on the log, and
 * so has no first answer.
 */
const answeredOtherwise = ({ journal }: Stage, written: ReadonlyArray<Stored>): ReadonlyArray<string> => {
  const recorded = new Set(entriesOf(written).map(({ command }) => command))
  return journal.otherwise.filter(({ command }) => recorded.has(command)).map(({ what }) => what)
}
