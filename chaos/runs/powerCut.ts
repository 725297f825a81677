import { randomBytes } from "node:crypto"
import { join } from "node:path"
import { setUp } from "../Board.ts"
import { compareWithLog } from "../checks/acknowledged.ts"
import { verified } from "../checks/rebuilt.ts"
import { Client } from "../Client.ts"
import { CrewNode } from "../CrewNode.ts"
import type { Finding } from "../Finding.ts"
import { Journal } from "../Journal.ts"
import { entriesOf, messagesOf } from "../logRecords.ts"
import { Disk, noMounts } from "../mounts.ts"
import { Rest } from "../Rest.ts"
import type { Run, RunContext } from "../Run.ts"
import { nats, postgres } from "../Server.ts"
import { pause, until } from "../waiting.ts"
import { work } from "../work.ts"

const promise = { promise: "P1", what: "power cuts lose nothing" }

/** The log's disk loses power under load, again and again. PostgreSQL is elsewhere and knows how far the log was. */
export const powerCutRun: Run = async (context) => {
  const reason = noMounts(context.ownMounts)
  if (reason !== undefined) return [{ ...promise, counts: {}, broken: [], impossible: reason }]
  let disk: Disk
  try {
    disk = Disk.make(context.scene)
  } catch (error) {
    return [{ ...promise, counts: {}, broken: [], impossible: String(error) }]
  }
  return [await cutAgainAndAgain(context, disk)]
}

/** Commands accepted before each cut. */
const LEAST = 30

const cutAgainAndAgain = async (
  { main, random, scale, scene, syncInterval, tell }: RunContext,
  disk: Disk,
): Promise<Finding> => {
  const rounds = 3 * scale
  const log = await nats(scene, join(disk.path, "nats"), syncInterval)
  const tables = await postgres(scene)
  await Promise.all([log.start(), tables.start()])
  const admin = `tb-${randomBytes(32).toString("hex")}`
  const settings = {
    NATS_URL: log.url,
    DATABASE_URL: tables.url,
    CREWLOG_ADMIN_TOKEN: admin,
    CREWLOG_ENCRYPTION_KEY: randomBytes(32).toString("hex"),
  }
  const node = await CrewNode.make(scene, { name: "node", settings, ...(main === undefined ? {} : { main }) })
  await node.start()
  const door = new Rest(scene, node.http)
  const board = await setUp(door, admin, { agents: 8, tasks: 8 })
  // What is tried is the records: the folder and the streams are there for sure.
  disk.sync()
  const journal = new Journal()
  const broken: Array<string> = []
  let cuts = 0
  for (; cuts < rounds && broken.length === 0; cuts++) {
    let isOver = false
    const crew = board.agents.map((agent) =>
      work(new Client(agent, [door], random.fork(`${agent.slug} ${cuts}`), journal), board, {
        isOver: () => isOver,
        mustEnd: () => isOver,
        think: 10,
      }),
    )
    const before = journal.count("accepted")
    await pause(random.between(500, 1_500))
    await until("commands are accepted", () =>
      journal.count("accepted") >= before + LEAST ? true : undefined,
    ).catch((error: Error) => broken.push(`after ${cuts} power cuts: ${error.message}`))
    disk.cutPower()
    isOver = true
    await Promise.all([log.kill(), node.kill(), ...crew])
    disk.off()
    disk.on()
    await log.start()
    try {
      await node.start()
    } catch (error) {
      broken.push(`after power cut ${cuts + 1}: ${error instanceof Error ? error.message : String(error)}`)
    }
    if (cuts % 5 === 4) tell(`${cuts + 1} of ${rounds} power cuts`)
  }
  const { doubled, ghosts, lost } = compareWithLog(journal, entriesOf(await messagesOf(scene, log.target)))
  const { problems } = await verified(scene, log.target)
  return {
    ...promise,
    counts: {
      "power cuts": cuts,
      accepted: journal.count("accepted"),
      unknown: journal.count("unknown"),
      lost: lost.length,
    },
    atLeast: { "power cuts": rounds, accepted: LEAST * rounds },
    broken: [
      ...broken,
      ...lost,
      ...doubled,
      ...ghosts,
      ...problems.map(({ problem, seq }) => `verify: ${seq} ${problem}`),
    ],
  }
}
