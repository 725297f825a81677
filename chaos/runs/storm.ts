import { compareFrames, feedOf } from "../checks/frames.ts"
import { BATCHES, compareRebuilt } from "../checks/rebuilt.ts"
import { findSecrets, tablesOf } from "../checks/secrets.ts"
import { POSITIONS, travelInTime } from "../checks/timeTravel.ts"
import { storm, type Tally } from "../faults.ts"
import type { Finding } from "../Finding.ts"
import { kept } from "../kept.ts"
import { messagesOf, type Stored } from "../logRecords.ts"
import type { Run, RunContext } from "../Run.ts"
import { postgres } from "../Server.ts"
import { settled, type Stage, stageOf, workDuring } from "../Storm.ts"
import { telling } from "../waiting.ts"

/** Everything at once: two nodes, and every kill, freeze and cut there is, while a crew works. */
export const stormRun: Run = async (context) => {
  const { main, random, scale, scene, tell } = context
  const stage = await stageOf({ scene, random, ...(main === undefined ? {} : { main }) })
  const { journal } = stage
  const tally = await telling(
    () => tell(`${journal.calls.length} commands so far, ${journal.count("accepted")} accepted`),
    workDuring(stage, () => storm(stage, 20_000 * scale)),
  )
  tell("the storm is over; waiting for the read model")
  await settled(stage)
  return findings(stage, tally, context)
}

const findings = async (
  stage: Stage,
  tally: Tally,
  { random, scale, tell }: RunContext,
): Promise<ReadonlyArray<Finding>> => {
  const { journal, listeners, nats, nodes, postgres: live, scene } = stage
  const records = await messagesOf(scene, nats.target)
  const last = records.at(-1)?.seq ?? 0
  tell(`the tables are at ${last}; waiting for the sockets`)
  for (const listener of listeners) await listener.caughtUp(last)
  for (const listener of listeners) listener.end()
  // In order, so that nothing is written any more while tables are compared.
  for (const node of nodes) await node.stop()
  const written = await messagesOf(scene, nats.target)

  const frames = await frameObjections(stage, last)
  const second = await postgres(scene, "second")
  await second.start()
  tell(`making the tables anew from ${written.length} records`)
  const rebuilt = await compareRebuilt(scene, nats.target, live.url, second.url)
  tell("looking back at the tables of then")
  const back = await travelInTime(scene, { nats: nats.url, postgres: second.url }, written, random)
  tell("comparing what clients were told with what is on the log")

  return [
    ...(await kept(stage, written, tally, scale)),
    {
      promise: "P4",
      what: "rebuilt equals live",
      counts: { records: written.length, rebuilds: BATCHES.length },
      atLeast: { records: 200 * scale, rebuilds: 3 },
      broken: rebuilt,
    },
    {
      promise: "P4",
      what: "time travel equals a fold",
      counts: { records: written.length, positions: back.positions },
      atLeast: { positions: POSITIONS },
      broken: back.broken,
    },
    {
      promise: "P7",
      what: "503 is the only excuse",
      counts: { "503s": journal.unavailable, answers: journal.calls.length },
      broken: journal.oddities,
    },
    {
      promise: "P9",
      what: "no secret is written down",
      counts: { secrets: stage.secrets.size, records: written.length },
      broken: await secretsIn(stage, written),
    },
    {
      promise: "P10",
      what: "frames: all, once, in order",
      counts: {
        frames: listeners.reduce((sum, { received }) => sum + received.length, 0),
        resumes: listeners.reduce((sum, { resumes }) => sum + resumes, 0),
        sockets: listeners.length,
      },
      atLeast: { frames: 500 * scale, resumes: Math.max(20, 10 * scale) },
      broken: frames,
    },
  ]
}

const frameObjections = async (
  { listeners, postgres }: Stage,
  last: number,
): Promise<ReadonlyArray<string>> => {
  const feed = await feedOf(postgres.url)
  return listeners.flatMap((listener) => compareFrames(listener, feed, last))
}

/** In the log with its headers, in the signals, in every table, and in everything that the nodes printed. */
const secretsIn = async (
  { nats, nodes, postgres, scene, secrets }: Stage,
  records: ReadonlyArray<Stored>,
): Promise<ReadonlyArray<string>> => {
  const signals = await messagesOf(scene, nats.target, "CREW_SIGNALS")
  return findSecrets(secrets, [
    ...[...records, ...signals].map(({ headers, seq, subject, text }) => ({
      where: `record ${seq} of ${subject}`,
      text: `${headers}\n${text}`,
    })),
    ...(await tablesOf(postgres.url)),
    ...nodes.map(({ name, output }) => ({ where: `the output of ${name}`, text: output.join("\n") })),
  ])
}
