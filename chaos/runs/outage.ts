import { randomBytes } from "node:crypto"
import { setUp } from "../Board.ts"
import { compareWithLog } from "../checks/acknowledged.ts"
import { CrewNode } from "../CrewNode.ts"
import { Journal } from "../Journal.ts"
import { entriesOf, messagesOf } from "../logRecords.ts"
import { descendantsOf, signalTo } from "../processes.ts"
import { Prober } from "../Prober.ts"
import { Rest } from "../Rest.ts"
import type { Run } from "../Run.ts"
import { pause, until } from "../waiting.ts"

const PROMISED = 2_000

/** A program on the servers that it embeds: each is killed, and has to be back by itself. */
export const outageRun: Run = async ({ main, random, scale, scene, tell }) => {
  const admin = `tb-${randomBytes(32).toString("hex")}`
  const settings = { CREWLOG_ADMIN_TOKEN: admin }
  const node = await CrewNode.make(scene, {
    name: "embedded",
    settings,
    ...(main === undefined ? {} : { main }),
  })
  await node.start()
  const door = new Rest(scene, node.http)
  const board = await setUp(door, admin, { agents: 6, tasks: 2 })
  const journal = new Journal()
  const prober = new Prober(board.agents, [door], random, journal, (chance) => ({
    kind: "message",
    path: "/api/v1/messages",
    // Every message would stand in one chat, and wait for the one before: tasks' comments spread them.
    body: {
      ...(chance.chance(0.5) ? { chat_id: board.chat } : { task_id: chance.pick(board.tasks) }),
      content: chance.word(30),
    },
  }))
  await pause(500)

  const [natsTimes, postgresTimes] = [new Array<number>(), new Array<number>()]
  for (let round = 0; round < 3 * scale; round++) {
    natsTimes.push(await timeAfterKill(node, "nats-server", prober))
    await pause(random.between(300, 900))
    postgresTimes.push(await timeAfterKill(node, "postgres", prober))
    await pause(random.between(300, 900))
    if (round % 5 === 4) tell(`${2 * (round + 1)} kills`)
  }
  await prober.end()
  const { nats } = await until("runtime.json", () => node.runtime)
  const { password: pass, port, username: user } = new URL(nats)
  scene.own(Number(port))
  const target = { url: `nats://127.0.0.1:${port}`, user, pass }
  const compared = compareWithLog(journal, entriesOf(await messagesOf(scene, target)))
  return [
    {
      promise: "P7",
      what: "one server: back in 2 s",
      counts: {
        kills: natsTimes.length + postgresTimes.length,
        "ms at most after nats-server": Math.max(...natsTimes),
        "ms at most after PostgreSQL": Math.max(...postgresTimes),
        accepted: journal.count("accepted"),
        "503s": journal.unavailable,
        lost: compared.lost.length,
      },
      atLeast: { kills: 6 * scale, accepted: 50 * scale },
      atMost: { "ms at most after nats-server": PROMISED, "ms at most after PostgreSQL": PROMISED },
      broken: [...journal.oddities, ...compared.lost, ...compared.doubled, ...compared.ghosts],
    },
  ]
}

/** Kills the program's own server; gives the milliseconds until a command that was given later was accepted. */
const timeAfterKill = async (node: CrewNode, name: string, prober: Prober): Promise<number> => {
  const child = await until(`${name} runs`, () =>
    descendantsOf(node.pid).find(
      ({ command, parent }) => parent === node.pid && (command.split(" ")[0] ?? "").endsWith(name),
    ),
  )
  const moment = performance.now()
  signalTo(child.pid, "SIGKILL")
  return prober.firstSuccessAfter(moment)
}
