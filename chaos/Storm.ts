import { randomBytes } from "node:crypto"
import { type Board, setUp } from "./Board.ts"
import { Client } from "./Client.ts"
import { CrewNode, MAIN } from "./CrewNode.ts"
import { FaultProxy } from "./FaultProxy.ts"
import { Journal } from "./Journal.ts"
import { Listener } from "./Listener.ts"
import type { Random } from "./Random.ts"
import { Rest } from "./Rest.ts"
import type { Scene } from "./Scene.ts"
import { nats, type NatsHost, postgres, type PostgresHost } from "./Server.ts"
import { until } from "./waiting.ts"
import { work } from "./work.ts"

/** Two nodes on one nats-server and one PostgreSQL, proxies between all of them, and a crew at work. */
export interface Stage {
  readonly scene: Scene
  readonly random: Random
  readonly nats: NatsHost
  readonly postgres: PostgresHost
  readonly nodes: ReadonlyArray<CrewNode>
  /** Between each node and nats-server. */
  readonly toNats: ReadonlyArray<FaultProxy>
  /** Between each node and PostgreSQL. */
  readonly toPostgres: ReadonlyArray<FaultProxy>
  readonly board: Board
  readonly doors: ReadonlyArray<Rest>
  readonly listeners: ReadonlyArray<Listener>
  readonly journal: Journal
  /** Name and value of everything that must never be written down. */
  readonly secrets: Map<string, string>
  readonly admin: string
  /** Acknowledgements of nats-server that no node ever got. */
  readonly lostAcknowledgements: () => number
}

const proxied = async (scene: Scene, port: number): Promise<FaultProxy> => {
  const proxy = await FaultProxy.to({ host: "127.0.0.1", port })
  scene.onEnd(() => proxy.close())
  scene.own(proxy.port)
  return proxy
}

const through = (url: string, proxy: FaultProxy): string => {
  const other = new URL(url)
  other.port = String(proxy.port)
  return other.href
}

const ACKNOWLEDGEMENT = /"stream":"CREW"/g

export interface StageOptions {
  readonly scene: Scene
  readonly random: Random
  readonly main?: string
  readonly agents?: number
  readonly tasks?: number
  readonly log?: NatsHost
}

/** Starts everything, with a board and a crew; nobody works yet. */
export const stageOf = async ({
  agents = 12,
  log,
  main = MAIN,
  random,
  scene,
  tasks = 6,
}: StageOptions): Promise<Stage> => {
  const [server, database] = [log ?? (await nats(scene)), await postgres(scene)]
  await Promise.all([log === undefined ? server.start() : undefined, database.start()])
  const [admin, key] = [`tb-${randomBytes(32).toString("hex")}`, randomBytes(32).toString("hex")]
  let lost = 0
  const [toNats, toPostgres, nodes] = [
    new Array<FaultProxy>(),
    new Array<FaultProxy>(),
    new Array<CrewNode>(),
  ]
  for (const name of ["node-1", "node-2"]) {
    const [first, second] = [await proxied(scene, server.port), await proxied(scene, database.port)]
    first.swallowed = (bytes) => {
      lost += bytes.toString("latin1").match(ACKNOWLEDGEMENT)?.length ?? 0
    }
    toNats.push(first)
    toPostgres.push(second)
    const settings = {
      NATS_URL: through(server.url, first).replace(/\/$/, ""),
      DATABASE_URL: through(database.url, second),
      CREWLOG_ADMIN_TOKEN: admin,
      CREWLOG_ENCRYPTION_KEY: key,
      CREWLOG_PRESENCE_TIMEOUT: "5 seconds",
    }
    const node = await CrewNode.make(scene, { name, settings, main })
    nodes.push(node)
    await node.start()
  }
  const doors = nodes.map(({ http }) => new Rest(scene, http))
  const [door] = doors
  if (door === undefined) throw new Error("no node")
  const board = await setUp(door, admin, { agents, tasks })
  const members = [...board.watchers, ...board.agents.slice(0, 3)]
  const listeners = members.map(
    (member) => new Listener(scene, nodes, member, board.project, random.fork(`listener ${member.slug}`)),
  )
  for (const listener of listeners) await listener.ready()
  return {
    scene,
    random,
    nats: server,
    postgres: database,
    nodes,
    toNats,
    toPostgres,
    board,
    doors,
    listeners,
    journal: new Journal(),
    admin,
    secrets: new Map([
      ["the admin's token", admin],
      ["the encryption key", key],
      ["PostgreSQL's password", new URL(database.url).password],
      ["nats-server's password", new URL(server.url).password],
      ...[...board.agents, ...board.watchers].map(({ slug, token }) => [`${slug}'s token`, token] as const),
    ]),
    lostAcknowledgements: () => lost,
  }
}

/** The time for which clients go on repeating after the last fault. */
const PATIENCE = 15_000

/** The crew works while something is done to the servers; afterwards clients repeat until they know. */
export const workDuring = async <Value>(stage: Stage, disturb: () => Promise<Value>): Promise<Value> => {
  const { board, doors, journal, random } = stage
  let [isOver, mustEnd] = [false, false]
  const crew = board.agents.map((agent) =>
    work(new Client(agent, doors, random.fork(agent.slug), journal), board, {
      isOver: () => isOver,
      mustEnd: () => mustEnd,
    }),
  )
  try {
    return await disturb()
  } finally {
    isOver = true
    const timer = setTimeout(() => {
      mustEnd = true
    }, PATIENCE)
    await Promise.all(crew)
    clearTimeout(timer)
  }
}

/** Waits until the tables of every running node are at the head of the log. */
export const settled = async ({ admin: token, doors }: Pick<Stage, "admin" | "doors">): Promise<void> => {
  for (const door of doors) {
    await until("the read model is at the head", async () => {
      const answer = await door.ask({ path: "/readyz", token }).catch(() => undefined)
      return answer?.status === 200 ? true : undefined
    })
  }
}
