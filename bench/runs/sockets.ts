import type { WebSocket } from "ws"
import { serving } from "../child.ts"
import { Crowd } from "../Crowd.ts"
import { median, pause, quantiles, rounded } from "../figures.ts"
import { HttpLoad, request } from "../HttpLoad.ts"
import { cpuOf, memoryOf } from "../processes.ts"
import { ADMIN, Program } from "../Program.ts"
import { atLeast, atMost, type Row, shown } from "../Row.ts"
import { type Context, type Run, sized } from "../Run.ts"
import { type Crew, seedCrew } from "../seed.ts"
import { withSeedServer } from "../SeedServer.ts"

/** The program lets a member have 32. */
const SOCKETS_OF_AN_AGENT = 30
const BURST = 20

/** Says who it is and waits for the welcome. */
const enter =
  ({ agents, project }: Crew) =>
  async (socket: WebSocket, n: number): Promise<void> => {
    const { token } = agents[Math.floor(n / SOCKETS_OF_AN_AGENT)] ?? {}
    const welcome = new Promise<void>((resume, fail) => {
      socket.once("message", (data: Buffer) => {
        if (data.toString().startsWith('{"type":"auth.ok"')) resume()
        else fail(new Error(`no welcome: ${data.toString().slice(0, 200)}`))
      })
    })
    socket.send(JSON.stringify({ type: "auth", token, projects: [project.id] }))
    await welcome
  }

/** Deliveries a second to so many sockets, with the program's and a bare server's rounds in turn. */
const measure = async (context: Context, count: number): Promise<ReadonlyArray<Row>> => {
  const { stage, tell } = context
  const rounds = sized(context, count >= 1_000 ? 30 : 60, 10)
  const data = stage.make(`sockets-${count}`)
  const crew = await withSeedServer(data, (connection) =>
    seedCrew(connection, { agents: Math.ceil(count / SOCKETS_OF_AN_AGENT), free: 1 }),
  )
  // Presence is not what is measured: nobody goes offline meanwhile.
  const program = new Program(stage, data, {
    CREWLOG_PRESENCE_TIMEOUT: "1 hour",
    CREWLOG_PING_INTERVAL: "10 minutes",
  })
  await program.start()
  const bare = await serving<{ readonly url: string }>(stage, "bareSockets.ts", [])
  const { http } = program.where
  const post = new HttpLoad(http, 1)
  stage.onEnd(() => post.close())
  const sides = {
    own: {
      crowd: new Crowd(),
      pid: program.pid,
      single: [] as Array<number>,
      burst: [] as Array<number>,
      bytes: 0,
      cpu: 0,
    },
    bare: {
      crowd: new Crowd(),
      pid: bare.pid,
      single: [] as Array<number>,
      burst: [] as Array<number>,
      bytes: 0,
      cpu: 0,
    },
  }
  const { bare: bareSide, own } = sides
  stage.onEnd(() => [own, bareSide].forEach(({ crowd }) => crowd.close()))

  const message = (n: number) =>
    request(
      "POST",
      "/api/v1/messages",
      ADMIN,
      { Prefer: "respond-async" },
      JSON.stringify({
        chat_id: crew.project.chat_id,
        content: `Message ${n}: the report of the month is complete, please have a look at it.`,
      }),
    )
  await post.run([message(0)])
  await pause(500)
  const before = { own: memoryOf(own.pid), bare: memoryOf(bareSide.pid) }
  await own.crowd.open(`${http.replace("http", "ws")}/ws`, count, enter(crew))
  await bareSide.crowd.open(bare.url, count, () => Promise.resolve())
  // Everybody has said that the others came.
  await pause(2_000)
  own.bytes = (memoryOf(own.pid) - before.own) / count
  bareSide.bytes = (memoryOf(bareSide.pid) - before.bare) / count
  // As long as a frame of the program.
  const text = JSON.stringify({ type: "message.new", seq: 1, idx: 0, data: "x".repeat(430) })

  const events = (size: number) => ({
    own: () =>
      own.crowd.hear(size * count, () => void post.run(Array.from({ length: size }, (_, n) => message(n)))),
    bare: () =>
      bareSide.crowd.hear(size * count, () => {
        for (let n = 0; n < size; n++) bareSide.crowd.say(text)
      }),
  })
  const [one, many] = [events(1), events(BURST)]
  for (let n = -3; n < rounds; n++) {
    for (const name of ["bare", "own"] as const) {
      const side = sides[name]
      const cpu = cpuOf(side.pid)
      const took = await one[name]()
      if (n < 0) continue
      side.single.push(took)
      side.cpu += cpuOf(side.pid) - cpu
    }
  }
  for (let n = -1; n < Math.ceil(rounds / 10); n++) {
    for (const name of ["bare", "own"] as const) {
      const took = await many[name]()
      if (n >= 0) sides[name].burst.push(took)
    }
  }
  await program.stop()
  const rate = (times: ReadonlyArray<number>, size: number) => rounded((count * size * 1_000) / median(times))
  const told = (side: typeof own): Row["details"] => ({
    ...quantiles(side.single),
    best: rate([Math.min(...side.single)], 1),
    "server µs/delivery": rounded(side.cpu / (rounds * count)),
    "KB/connection": rounded(side.bytes / 1_024),
  })
  tell(`${count} sockets: bare ${rate(bareSide.single, 1)}/s, own ${rate(own.single, 1)}/s`)
  const figures = {
    name: `${count} sockets, one event to all`,
    value: rate(own.single, 1),
    unit: "/s",
    baseline: rate(bareSide.single, 1),
    details: { ...told(own), "bare KB/connection": rounded(bareSide.bytes / 1_024) },
  }
  const burst = {
    name: `${count} sockets, ${BURST} events one after the other to all`,
    value: rate(own.burst, BURST),
    unit: "/s",
    baseline: rate(bareSide.burst, BURST),
  }
  if (count !== BUDGETED) return [shown(figures), shown(burst)]
  return [
    shown({
      name: `bare ws loop, ${count} sockets`,
      value: figures.baseline,
      unit: "/s",
      details: told(bareSide),
    }),
    atLeast(0.7, figures),
    shown(burst),
    atMost(40, {
      name: `${count} sockets, memory of a connection`,
      value: rounded(own.bytes / 1_024),
      unit: "KB",
    }),
  ]
}

const BUDGETED = 2_000

/** An event to all sockets, against a bare loop of `ws`. */
export const sockets: Run = async (context) => {
  const rows: Array<Row> = []
  const counts = context.isQuick ? [100, BUDGETED] : [10, 100, 1_000, BUDGETED, 5_000]
  for (const count of counts) rows.push(...(await measure(context, count)))
  return rows
}
