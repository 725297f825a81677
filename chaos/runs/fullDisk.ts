import { randomBytes } from "node:crypto"
import { rmSync, statfsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Board, setUp } from "../Board.ts"
import { compareWithLog } from "../checks/acknowledged.ts"
import { verified } from "../checks/rebuilt.ts"
import { Client } from "../Client.ts"
import { CrewNode } from "../CrewNode.ts"
import { Journal } from "../Journal.ts"
import { entriesOf, messagesOf } from "../logRecords.ts"
import { noMounts, smallDisk } from "../mounts.ts"
import { Rest } from "../Rest.ts"
import type { Run, RunContext } from "../Run.ts"
import { postgres, emptyFolder } from "../Server.ts"
import { pause, until } from "../waiting.ts"

const promise = { promise: "P8", what: "a full disk loses nothing" }
const LEFT = 1_500_000
const RECOVERED_WITHIN = 15_000
/** To know what became of the write that failed, nats-server has to be started anew once. */
const KNOWN_FULL_WITHIN = 10_000

/** The disk of the embedded nats-server fills up under load, and is given room again. */
export const fullDiskRun: Run = async (context) => {
  const { main, ownMounts, scale, scene, tell } = context
  const reason = noMounts(ownMounts)
  if (reason !== undefined) return [{ ...promise, counts: {}, broken: [], impossible: reason }]
  const data = emptyFolder(join(scene.folder, "data"))
  const disk = smallDisk(scene, join("data", "nats"), 48)
  const tables = await postgres(scene)
  await tables.start()
  const admin = `tb-${randomBytes(32).toString("hex")}`
  const settings = { CREWLOG_ADMIN_TOKEN: admin, DATABASE_URL: tables.url }
  const node = await CrewNode.make(scene, {
    name: "node",
    data,
    settings,
    ...(main === undefined ? {} : { main }),
  })
  await node.start()
  const door = new Rest(scene, node.http)
  const board = await setUp(door, admin, { agents: 6, tasks: 4 })
  const journal = new Journal()
  const cycles: Array<Cycle> = []
  while (cycles.length < scale && cycles.at(-1)?.back !== Infinity) {
    cycles.push(await fillAndClear(context, { disk, door, board, journal }, cycles.length))
    tell(`full and back ${cycles.length} times`)
  }
  const { nats } = await until("runtime.json", () => node.runtime)
  const { password: pass, port, username: user } = new URL(nats)
  scene.own(Number(port))
  const target = { url: `nats://127.0.0.1:${port}`, user, pass }
  const compared = compareWithLog(journal, entriesOf(await messagesOf(scene, target)))
  const { problems } = await verified(scene, target)
  return [
    {
      ...promise,
      counts: {
        cycles: cycles.length,
        "times log_full": journal.refused("log_full"),
        "other 503s": journal.unavailable - journal.refused("log_full"),
        accepted: journal.count("accepted"),
        unknown: journal.count("unknown"),
        "ms until log_full": Math.max(...cycles.map(({ known }) => known)),
        "ms to recover": Math.max(...cycles.map(({ back }) => back)),
        lost: compared.lost.length,
      },
      atLeast: { cycles: scale, "times log_full": 3 * scale, accepted: 20 * scale },
      atMost: { "ms until log_full": KNOWN_FULL_WITHIN, "ms to recover": RECOVERED_WITHIN },
      broken: [
        ...journal.oddities,
        ...compared.lost,
        ...compared.doubled,
        ...compared.ghosts,
        ...problems.map(({ problem, seq }) => `verify: ${seq} ${problem}`),
      ],
    },
  ]
}

interface Setting {
  readonly disk: string
  readonly door: Rest
  readonly board: Board
  readonly journal: Journal
}

/** Milliseconds until the first "log_full" when nothing fitted any more, and from having room until commands are taken. */
interface Cycle {
  readonly known: number
  readonly back: number
}

const fillAndClear = async (
  { random }: RunContext,
  { board, disk, door, journal }: Setting,
  cycle: number,
): Promise<Cycle> => {
  const filler = join(disk, "filler")
  writeFileSync(filler, Buffer.alloc(Math.max(0, roomOn(disk) - LEFT), 1))
  const during = { isOver: false }
  const crew = board.agents.map(async (agent) => {
    const client = new Client(agent, [door], random.fork(`${agent.slug} ${cycle}`), journal)
    while (!during.isOver) {
      const body = { task_id: client.random.pick(board.tasks), content: client.random.word(9_000) }
      await client.give({ kind: "message", path: "/api/v1/messages", body }, () => during.isOver)
      await pause(10)
    }
  })
  try {
    const before = journal.refused("log_full")
    const isKnown = () => journal.refused("log_full") > before
    const isFull = () => roomOn(disk) < SMALLEST || (isKnown() && roomOn(disk) <= LARGEST)
    await until("the disk is full", () => (isFull() ? true : undefined), 60_000)
    const known = await timeUntil(isKnown, 40_000)
    await pause(random.between(500, 1_500))
    rmSync(filler)
    const accepted = journal.count("accepted")
    return { known, back: await timeUntil(() => journal.count("accepted") > accepted + 5, 40_000) }
  } finally {
    during.isOver = true
    await Promise.all(crew)
  }
}

/** No record of this run fits into less. */
const SMALLEST = 9_000
/** In this much one may fail to fit: it takes whole pages, and so do nats-server's other files. */
const LARGEST = 4 * 4_096

const roomOn = (disk: string): number => {
  const { bavail, bsize } = statfsSync(disk)
  return bavail * bsize
}

/** Milliseconds, or Infinity where it is not so in time. */
const timeUntil = async (isSo: () => boolean, within: number): Promise<number> => {
  const start = performance.now()
  return until("it is so", () => (isSo() ? true : undefined), within).then(
    () => Math.round(performance.now() - start),
    () => Infinity,
  )
}
