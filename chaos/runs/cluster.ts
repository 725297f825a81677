import { randomBytes } from "node:crypto"
import { setUp } from "../Board.ts"
import { compareWithLog } from "../checks/acknowledged.ts"
import { verified } from "../checks/rebuilt.ts"
import { Cluster } from "../Cluster.ts"
import { CrewNode } from "../CrewNode.ts"
import { Journal } from "../Journal.ts"
import { entriesOf, messagesOf } from "../logRecords.ts"
import { Prober } from "../Prober.ts"
import { Rest } from "../Rest.ts"
import type { Run } from "../Run.ts"
import { postgres } from "../Server.ts"
import { pause } from "../waiting.ts"

const PROMISED = 10_000

/** Three nats-servers; the one that leads the log is killed, again and again. */
export const clusterRun: Run = async ({ main, random, scale, scene, tell }) => {
  const [cluster, tables] = [await Cluster.start(scene), await postgres(scene)]
  await tables.start()
  tell("the cluster has a leader")
  const admin = `tb-${randomBytes(32).toString("hex")}`
  const settings = {
    NATS_URL: cluster.target.url,
    DATABASE_URL: tables.url,
    CREWLOG_ADMIN_TOKEN: admin,
    CREWLOG_ENCRYPTION_KEY: randomBytes(32).toString("hex"),
    CREWLOG_REPLICAS: "3",
  }
  const node = await CrewNode.make(scene, { name: "node", settings, ...(main === undefined ? {} : { main }) })
  await node.start()
  const door = new Rest(scene, node.http)
  const board = await setUp(door, admin, { agents: 6, tasks: 4 })
  const journal = new Journal()
  const prober = new Prober(board.agents, [door], random, journal, (chance) => ({
    kind: "message",
    path: "/api/v1/messages",
    body: { task_id: chance.pick(board.tasks), content: chance.word(30) },
  }))
  const times: Array<number> = []
  for (let round = 0; round < scale; round++) {
    const { server } = await cluster.leader()
    await pause(random.between(200, 600))
    const moment = performance.now()
    await server.kill()
    times.push(await prober.firstSuccessAfter(moment))
    await server.start()
    tell(`${round + 1} leaders killed`)
  }
  await prober.end()
  await cluster.leader()
  const compared = compareWithLog(journal, entriesOf(await messagesOf(scene, cluster.target)))
  const { problems } = await verified(scene, cluster.target)
  return [
    {
      promise: "P7",
      what: "three servers: back in 10 s",
      counts: {
        "leaders killed": times.length,
        "ms at most": Math.max(...times),
        accepted: journal.count("accepted"),
        unknown: journal.count("unknown"),
        lost: compared.lost.length,
      },
      atLeast: { "leaders killed": scale, accepted: 15 * scale },
      atMost: { "ms at most": PROMISED },
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
