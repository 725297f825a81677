import { randomBytes } from "node:crypto"
import { rmSync, statfsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setUp } from "../Board.ts"
import { compareWithLog } from "../checks/acknowledged.ts"
import { verified } from "../checks/rebuilt.ts"
import { Client } from "../Client.ts"
import { CrewNode } from "../CrewNode.ts"
import { Journal } from "../Journal.ts"
import { entriesOf, messagesOf } from "../logRecords.ts"
import { noMounts, smallDisk } from "../mounts.ts"
import { Rest } from "../Rest.ts"
import type { Run } from "../Run.ts"
import { postgres, emptyFolder } from "../Server.ts"
import { pause, until } from "../waiting.ts"

const promise = { promise: "P8", what: "a full disk loses nothing" }
const LEFT = 1_500_000
const RECOVERED_WITHIN = 15_000

/** The disk of the embedded nats-server fills up under load, and is given room again. */
export const fullDiskRun: Run = async ({ main, ownMounts, random, scale, scene, tell }) => {
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
  const filler = join(disk, "filler")
  const recoveries: Array<number> = []
  let [refused, cycles] = [0, 0]
  for (; cycles < scale; cycles++) {
    fill(disk, filler)
    const during = { isOver: false }
    const before = journal.unavailable
    const crew = board.agents.map(async (agent) => {
      const client = new Client(agent, [door], random.fork(`${agent.slug} ${cycles}`), journal)
      while (!during.isOver) {
        const body = { task_id: client.random.pick(board.tasks), content: client.random.word(9_000) }
        await client.give({ kind: "message", path: "/api/v1/messages", body }, () => during.isOver)
        await pause(10)
      }
    })
    await until(
      "commands are refused with 503",
      () => (journal.unavailable > before + 3 ? true : undefined),
      60_000,
    )
    await pause(random.between(500, 1_500))
    refused += journal.unavailable - before
    const room = performance.now()
    rmSync(filler)
    const accepted = journal.count("accepted")
    const back = await until(
      "it takes commands again",
      () => (journal.count("accepted") > accepted + 5 ? true : undefined),
      40_000,
    )
      .then(() => performance.now() - room)
      .catch(() => Infinity)
    during.isOver = true
    await Promise.all(crew)
    recoveries.push(Math.round(back))
    if (back === Infinity) break
    tell(`full and back ${cycles + 1} times`)
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
        cycles,
        "503s": refused,
        accepted: journal.count("accepted"),
        unknown: journal.count("unknown"),
        "ms to recover": Math.max(...recoveries),
        lost: compared.lost.length,
      },
      atLeast: { cycles: scale, "503s": 3 * scale, accepted: 20 * scale },
      atMost: { "ms to recover": RECOVERED_WITHIN },
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

/** Leaves little room. */
const fill = (disk: string, filler: string) => {
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - LEFT), 1))
}
