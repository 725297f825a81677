import { randomBytes } from "node:crypto"
import {
  cpSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
  closeSync,
} from "node:fs"
import { join } from "node:path"
import { Redacted } from "effect"
import { connect } from "../../src/adapters/postgres/client.ts"
import { type Board, must, setUp } from "../Board.ts"
import { Client } from "../Client.ts"
import { CrewNode } from "../CrewNode.ts"
import { Journal } from "../Journal.ts"
import { messagesOf, type Stored } from "../logRecords.ts"
import type { Random } from "../Random.ts"
import { Rest } from "../Rest.ts"
import type { Run, RunContext } from "../Run.ts"
import { nats, type NatsHost, postgres, type PostgresHost } from "../Server.ts"
import { pause } from "../waiting.ts"
import { work } from "../work.ts"

interface Damage {
  readonly name: string
  /** With a read model that is yet to be made: the hole is met while projecting. */
  readonly isFresh?: boolean
  /** Does it to a copy of nats-server's folder; says what exactly. */
  readonly to: (folder: string, random: Random) => string
}

const blocksOf = (folder: string): ReadonlyArray<string> => {
  const messages = join(folder, "jetstream", "CREW", "streams", "CREW", "msgs")
  return readdirSync(messages)
    .filter((name) => name.endsWith(".blk"))
    .map((name) => join(messages, name))
    .filter((path) => statSync(path).size > 0)
}

/** Flips one bit somewhere in this share of a block. */
const flipWithin = (name: string, [from, to]: readonly [number, number], isFresh = false): Damage => ({
  name,
  isFresh,
  to: (folder, random) => {
    const block = random.pick(blocksOf(folder))
    const { size } = statSync(block)
    const at = random.between(Math.floor(size * from), Math.ceil(size * to) - 1)
    const bit = random.between(0, 7)
    const file = openSync(block, "r+")
    const byte = Buffer.alloc(1)
    readSync(file, byte, 0, 1, at)
    byte[0] = (byte[0] ?? 0) ^ (1 << bit)
    writeSync(file, byte, 0, 1, at)
    closeSync(file)
    return `bit ${bit} of byte ${at} flipped in a block of ${size}`
  },
})

const flip = flipWithin("flipped bits", [0, 1])
/** Not in the last record: there has to be one behind it. */
const hole = flipWithin("holes met while projecting", [0.1, 0.6], true)

const truncate: Damage = {
  name: "truncated blocks",
  to: (folder, random) => {
    const block = random.pick(blocksOf(folder))
    const size = statSync(block).size
    const to = random.between(0, size - 1)
    truncateSync(block, to)
    return `block of ${size} cut to ${to} bytes`
  },
}

/** A log that others than its program changed on the disk: whoever starts on it has to refuse. */
export const damageRun: Run = async (context) => {
  const { random, scale, scene, tell } = context
  const origin = await makeLog(context)
  tell(`the log has ${origin.records.length} records`)
  const cases: ReadonlyArray<Damage> = [
    ...Array.from({ length: 3 * scale }, () => flip),
    ...Array.from({ length: 2 * scale }, () => truncate),
    ...Array.from({ length: scale }, () => hole),
    { name: "old copies", to: (folder) => replaceBy(folder, origin.half) },
    { name: "other logs", to: (folder) => replaceBy(folder, origin.other) },
  ]
  const counts: Record<string, number> = { records: origin.records.length, harmless: 0, refused: 0 }
  const broken: Array<string> = []
  for (const [index, damage] of cases.entries()) {
    const folder = join(scene.folder, `damaged-${index}`)
    cpSync(origin.whole, folder, { recursive: true })
    const what = damage.to(folder, random)
    const judged = await judge(context, origin, folder, damage.isFresh === true, `case-${index}`)
    counts[damage.name] = (counts[damage.name] ?? 0) + 1
    if (judged === "refused" || judged === "harmless") counts[judged] = (counts[judged] ?? 0) + 1
    else broken.push(`${damage.name}: ${what}: ${judged}`)
    if (index % 10 === 9) tell(`${index + 1} of ${cases.length} damaged logs`)
  }
  return [
    {
      promise: "P5",
      what: "a damaged log is refused",
      counts,
      atLeast: {
        "flipped bits": 3,
        "truncated blocks": 2,
        "old copies": 1,
        "holes met while projecting": 1,
        refused: 4,
      },
      broken,
    },
  ]
}

interface Origin {
  /** nats-server's folder at the end, half-way, and that of another log. */
  readonly whole: string
  readonly half: string
  readonly other: string
  readonly records: ReadonlyArray<Stored>
  readonly tables: PostgresHost
  readonly settings: Readonly<Record<string, string>>
}

const replaceBy = (folder: string, copy: string) => {
  rmSync(folder, { recursive: true })
  cpSync(copy, folder, { recursive: true })
  return "an other copy in its place"
}

const makeLog = async (context: RunContext): Promise<Origin> => {
  const { scene } = context
  const tables = await postgres(scene)
  await tables.start()
  const settings = {
    DATABASE_URL: tables.url,
    CREWLOG_ADMIN_TOKEN: `tb-${randomBytes(32).toString("hex")}`,
    CREWLOG_ENCRYPTION_KEY: randomBytes(32).toString("hex"),
  }
  const log = await nats(scene)
  const [whole, half, other] = [log.folder, join(scene.folder, "half"), join(scene.folder, "other")]
  await log.start()
  const node = await CrewNode.make(scene, { name: "node", settings: { ...settings, NATS_URL: log.url } })
  await node.start()
  const door = new Rest(scene, node.http)
  const board = await setUp(door, settings.CREWLOG_ADMIN_TOKEN, { agents: 6, tasks: 6 })
  await writeFor(context, board, door, 1_000)
  await node.stop()
  await log.stop()
  cpSync(whole, half, { recursive: true })
  await log.start()
  await node.start()
  await writeFor(context, board, door, 1_500)
  await node.stop()
  const records = await messagesOf(scene, log.target)
  await log.stop()

  const foreign = await nats(scene, join(scene.folder, "foreign"))
  await foreign.start()
  const elsewhere = await postgres(scene, "elsewhere")
  await elsewhere.start()
  const stranger = await CrewNode.make(scene, {
    name: "stranger",
    settings: { ...settings, NATS_URL: foreign.url, DATABASE_URL: elsewhere.url },
  })
  await stranger.start()
  await stranger.stop()
  await foreign.stop()
  await elsewhere.stop()
  cpSync(foreign.folder, other, { recursive: true })
  return { whole, half, other, records, tables, settings }
}

const LONG = 20_000

const writeFor = async ({ random }: RunContext, board: Board, door: Rest, milliseconds: number) => {
  const journal = new Journal()
  let isOver = false
  const over = { isOver: () => isOver, mustEnd: () => false, think: 10 }
  const crew = board.agents.map((agent) =>
    work(new Client(agent, [door], random.fork(`${agent.slug} ${milliseconds}`), journal), board, over),
  )
  const token = board.agents[0]?.token ?? ""
  for (let count = 0; count < 20; count++) {
    const content = randomBytes(LONG / 2).toString("hex")
    await must(door, { path: "/api/v1/messages", token, body: { chat_id: board.chat, content } })
  }
  await pause(milliseconds)
  isOver = true
  await Promise.all(crew)
}

const READY_OR_REFUSED = 20_000
const SERVING_FOR = 3_000

const freshDatabase = async (url: string, name: string): Promise<string> => {
  const sql = connect({ url: Redacted.make(url), schema: "public" }, { max: 1 })
  const database = name.replaceAll("-", "_")
  await sql.unsafe(`create database ${database}`)
  await sql.end({ timeout: 1 })
  const other = new URL(url)
  other.pathname = `/${database}`
  return other.href
}

/**
 * Answers whether nats-server comes up. A wrong bit can have it read for ever: it is ended then, with the
 * reason, and the program has no log.
 */
const comesUp = (log: NatsHost): Promise<boolean> =>
  log.start().then(
    () => true,
    (error: Error) => {
      if (/isn't ready after .*bring back a copy/.test(error.message)) return false
      throw error
    },
  )

/** Starts the program on the damaged log: "refused", "harmless" (the log is the same), or what is wrong. */
const judge = async (
  { main, scene }: RunContext,
  { records, settings, tables }: Origin,
  folder: string,
  isFresh: boolean,
  name: string,
): Promise<string> => {
  const log = await nats(scene, folder)
  if (!(await comesUp(log))) return "refused"
  const found = await messagesOf(scene, log.target).catch((error: unknown) => String(error))
  const isSame = JSON.stringify(found) === JSON.stringify(records)
  const settled = {
    ...settings,
    NATS_URL: log.url,
    DATABASE_URL: isFresh ? await freshDatabase(tables.url, name) : tables.url,
  }
  const node = await CrewNode.make(scene, {
    name,
    settings: settled,
    ...(main === undefined ? {} : { main }),
  })
  await node.launch()
  const end = performance.now() + READY_OR_REFUSED
  let readyAt: number | undefined
  while (
    node.endedWith === undefined &&
    performance.now() < Math.min(end, (readyAt ?? Infinity) + SERVING_FOR)
  ) {
    await pause(5)
    if (node.runtime !== undefined) readyAt ??= performance.now()
  }
  const served = readyAt === undefined ? 0 : performance.now() - readyAt
  const how = node.endedWith
  await node.stop()
  await log.stop()
  if (readyAt !== undefined) {
    if (isSame) return "harmless"
    const now = typeof found === "string" ? found : `${found.length} of ${records.length} records are left`
    return `SERVED for ${served.toFixed()} ms (${how ?? "it would have gone on"}), although ${now}`
  }
  if (isSame) return `refused, although the log is the same: ${node.lastWords}`
  if (how === undefined) return `neither ready nor refused within ${READY_OR_REFUSED} ms: ${node.lastWords}`
  if (how !== "exit code 1" || !/damaged|log/.test(node.output.join("\n")))
    return `ended with ${how}: ${node.lastWords}`
  return "refused"
}
