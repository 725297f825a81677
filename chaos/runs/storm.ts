import { compareFrames, feedOf } from "../checks/frames.ts"
import { BATCHES, compareRebuilt } from "../checks/rebuilt.ts"
import { findSecrets, tablesOf } from "../checks/secrets.ts"
import { storm, type Tally } from "../faults.ts"
import type { Finding } from "../Finding.ts"
import { kept } from "../kept.ts"
import { messagesOf, type Stored } from "../logRecords.ts"
import type { Run } from "../Run.ts"
import { postgres } from "../Server.ts"
import { settled, type Stage, stageOf, workDuring } from "../Storm.ts"

/** Everything at once: two nodes, and every kill, freeze and cut there is, while a crew works. */
export const stormRun: Run = async ({ main, random, scale, scene, tell }) => {
  const stage = await stageOf({ scene, random, ...(main === undefined ? {} : { main }) })
  const tally = await workDuring(stage, () => storm(stage, 20_000 * scale))
  tell("the storm is over; waiting for the read model")
  await settled(stage)
  return findings(stage, tally, scale)
}

const findings = async (stage: Stage, tally: Tally, scale: number): Promise<ReadonlyArray<Finding>> => {
  const { journal, listeners, nats, nodes, postgres: live, scene } = stage
  const records = await messagesOf(scene, nats.target)
  const last = records.at(-1)?.seq ?? 0
  for (const listener of listeners) await listener.caughtUp(last)
  for (const listener of listeners) listener.end()
  // In order, so that nothing is written any more while tables are compared.
  for (const node of nodes) await node.stop()
  const written = await messagesOf(scene, nats.target)

  const frames = await frameObjections(stage, last)
  const second = await postgres(scene, "second")
  await second.start()
  const rebuilt = await compareRebuilt(scene, nats.target, live.url, second.url)

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
      atLeast: { frames: 500 * scale, resumes: 20 },
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
