import { randomBytes } from "node:crypto"
import { WebSocket } from "ws"
import { type Board, must, setUp } from "../Board.ts"
import { findSecrets, tablesOf } from "../checks/secrets.ts"
import { verified } from "../checks/rebuilt.ts"
import { CrewNode } from "../CrewNode.ts"
import { body, fields, frame, part } from "../hostile.ts"
import { messagesOf } from "../logRecords.ts"
import type { Random } from "../Random.ts"
import { type Ask, Rest } from "../Rest.ts"
import type { Run } from "../Run.ts"
import { nats, postgres } from "../Server.ts"
import { until } from "../waiting.ts"

/** Anything but fit input, by every route and by sockets, into a program that projects meanwhile. */
export const fuzzRun: Run = async ({ main, random, scale, scene, tell }) => {
  const [log, tables] = [await nats(scene), await postgres(scene)]
  await Promise.all([log.start(), tables.start()])
  const [admin, key] = [`tb-${randomBytes(32).toString("hex")}`, randomBytes(32).toString("hex")]
  const settings = {
    NATS_URL: log.url,
    DATABASE_URL: tables.url,
    CREWLOG_ADMIN_TOKEN: admin,
    CREWLOG_ENCRYPTION_KEY: key,
    CREWLOG_RATE_LIMIT: "100000",
    LOG_LEVEL: "trace",
  }
  const node = await CrewNode.make(scene, { name: "node", settings, ...(main === undefined ? {} : { main }) })
  await node.start()
  const door = new Rest(scene, node.http)
  const board = await setUp(door, admin, { agents: 2, tasks: 4 })
  const canaries = new Map([
    ["the admin's token", admin],
    ["the encryption key", key],
    ["nats-server's password", new URL(log.url).password],
    ["PostgreSQL's password", new URL(tables.url).password],
    ...board.agents.map(({ slug, token }) => [`${slug}'s token`, token] as const),
  ])

  const [counts, broken] = [
    { inputs: 0, accepted: 0, refused: 0, frames: 0, canaries: 0 },
    new Array<string>(),
  ]
  for (let index = 0; index < 600 * scale; index++) {
    const ask = inputOf(random, board, admin)
    const canary = random.chance(0.1) ? `tb-${randomBytes(32).toString("hex")}` : undefined
    if (canary !== undefined) canaries.set(`a wrong token (${counts.canaries++})`, canary)
    const answer = await door.ask(canary === undefined ? ask : { ...ask, token: canary }).catch(String)
    counts.inputs++
    if (typeof answer === "string") broken.push(`${ask.method} ${ask.path}: ${answer}: ${shown(ask.raw)}`)
    else if (answer.status >= 500)
      broken.push(`${answer.status} to ${ask.method} ${ask.path}: ${shown(ask.raw)}`)
    else if (answer.status < 300) counts.accepted++
    else counts.refused++
    if (answer instanceof Object && canary !== undefined && answer.status < 400)
      broken.push("a wrong token was let in")
    if (index % 1_000 === 999) tell(`${index + 1} inputs`)
  }
  tell("sockets")
  for (let socket = 0; socket < 10 * scale; socket++) {
    counts.frames += await hostileSocket(node, random, board, canaries)
  }

  const agent = board.agents[0]?.token ?? ""
  await must(door, {
    path: "/api/v1/messages",
    token: agent,
    body: { chat_id: board.chat, content: "still here" },
  })
  const health = await until("the program is ready", async () => {
    const answer = await door.ask({ path: "/readyz?verbose", token: admin })
    return answer.status === 200 ? JSON.stringify(answer.body) : undefined
  })
  if (health.includes("parked")) broken.push(`records are parked: ${health}`)
  const records = await messagesOf(scene, log.target)
  const signals = await messagesOf(scene, log.target, "CREW_SIGNALS")
  await node.stop()
  const { problems } = await verified(scene, log.target, tables.url)
  const leaks = findSecrets(canaries, [
    ...[...records, ...signals].map(({ headers, seq, subject, text }) => ({
      where: `record ${seq} of ${subject}`,
      text: `${headers}\n${text}`,
    })),
    ...(await tablesOf(tables.url)),
    { where: "the node's output", text: node.output.join("\n") },
  ])
  return [
    {
      promise: "P6",
      what: "no input stops it",
      counts: {
        inputs: counts.inputs,
        frames: counts.frames,
        accepted: counts.accepted,
        refused: counts.refused,
      },
      atLeast: { inputs: 600 * scale, frames: 50 * scale, accepted: 20 * scale, refused: 200 * scale },
      broken: [...broken, ...problems.map(({ problem, seq }) => `verify: ${seq} ${problem}`)],
    },
    {
      promise: "P9",
      what: "canary tokens stay outside",
      counts: { canaries: canaries.size, records: records.length, "lines of output": node.output.length },
      atLeast: { canaries: 40 * scale },
      broken: leaks,
    },
  ]
}

const shown = (raw: Ask["raw"]) => JSON.stringify(String(raw ?? "").slice(0, 300))

const inputOf = (random: Random, { agents, chat, project, tasks }: Board, admin: string): Ask => {
  const [task, agent] = [random.pick(tasks), random.pick(agents)]
  const token = random.chance(0.5) ? admin : agent.token
  const id = random.chance(0.8) ? task : part(random)
  const routes: ReadonlyArray<
    readonly [
      method: string,
      path: string,
      fit: Readonly<Record<string, unknown>>,
      knows?: ReadonlyArray<string>,
    ]
  > = [
    ["POST", "/api/v1/tasks?project_slug=chaos", { title: random.word(8) }, fields.task],
    ["PATCH", `/api/v1/tasks/${id}`, {}, fields.task],
    ["POST", `/api/v1/tasks/${id}/reject`, { reason: "x" }, ["reason"]],
    ["POST", `/api/v1/tasks/${id}/assign`, { slug: agent.slug }, ["slug"]],
    ["POST", `/api/v1/tasks/${id}/steps`, { title: "step" }, ["title"]],
    ["POST", "/api/v1/messages", { chat_id: chat, content: "x" }, fields.message],
    ["POST", "/api/v1/messages", { task_id: task, content: "x" }, fields.message],
    ["POST", "/api/v1/projects", { name: random.word(5), slug: random.word(6) }, fields.project],
    ["PATCH", `/api/v1/projects/${random.chance(0.5) ? "chaos" : part(random)}`, {}, fields.project],
    ["POST", "/api/v1/members", { name: "x", slug: random.word(8), type: "agent" }, fields.member],
    ["PATCH", `/api/v1/members/${random.chance(0.5) ? agent.slug : part(random)}`, {}, fields.member],
    [
      "GET",
      `/api/v1/tasks?project_id=${random.chance(0.5) ? project : part(random)}&cursor=${part(random)}`,
      {},
    ],
    ["GET", `/api/v1/tasks/${part(random)}/history`, {}],
    ["GET", `/api/v1/members/${part(random)}`, {}],
  ]
  const [method, path, fit, knows] = random.pick(routes)
  // Nobody may be locked out: later input would only be refused at the door.
  const raw = body(random, fit, knows)
    .replaceAll('"is_enabled"', '"enabled"')
    .replaceAll('"archived"', '"active"')
  return { method, path, token, ...(method === "GET" ? {} : { raw }) }
}

const FRAMES = 12

/** A socket that says one fit thing and then others; gives how many frames it got rid of. */
const hostileSocket = (
  node: CrewNode,
  random: Random,
  { agents, chat, project }: Board,
  canaries: Map<string, string>,
): Promise<number> =>
  new Promise((over) => {
    const socket = new WebSocket(`${node.http.replace("http", "ws")}/ws`, { perMessageDeflate: false })
    let sent = 0
    const wrong = `tb-${randomBytes(32).toString("hex")}`
    canaries.set(`a wrong token of socket ${canaries.size}`, wrong)
    const token = random.chance(0.8) ? (agents[0]?.token ?? "") : wrong
    socket.on("error", () => {})
    socket.on("close", () => over(sent))
    socket.on("open", () => {
      socket.send(JSON.stringify({ type: "auth", token, projects: [project] }))
      for (; sent < FRAMES; sent++) socket.send(frame(random, chat))
      setTimeout(() => socket.terminate(), 300)
    })
  })
