import { answerOf } from "../child.ts"
import { EmbeddedServers } from "../EmbeddedServers.ts"
import { median, rounded } from "../figures.ts"
import { install } from "../install.ts"
import { cpuOf, cpuOfFamily } from "../processes.ts"
import { connectTo, RawLog } from "../RawLog.ts"
import { atLeast, atMostTimes } from "../Row.ts"
import { type Run, sized } from "../Run.ts"
import { seedCrew } from "../seed.ts"
import { withSeedServer } from "../SeedServer.ts"
import postgres from "postgres"

const EVENTS_OF_A_TASK = 5
const IN_FLIGHT = 64
const PEER = "../emmett/peer.mjs"

interface Appended {
  readonly events: number
  readonly seconds: number
  readonly p50: number
}
interface Read {
  readonly seconds: number
}
interface Projected extends Read {
  readonly documents: number
  readonly done: number
}

/** The events of many tasks: appended and projected, by us and by Emmett on the same PostgreSQL. */
export const emmett: Run = async (context) => {
  const { stage, tell } = context
  await install("emmett", tell)
  const rounds = sized(context, 3, 2)
  const tasks = sized(context, 2_000, 500)
  const data = stage.make("emmett")
  const crew = await withSeedServer(data, (connection) =>
    seedCrew(connection, { agents: 10, free: 1, records: tasks * 6 * 4 }),
  )
  const { last } = crew.writer
  const servers = await EmbeddedServers.start(stage, data)
  const connection = await connectTo(servers.nats)
  stage.onEnd(() => connection.close())
  const raw = await RawLog.open(connection)
  const message = await RawLog.newest(connection, `crew.evt.task.${crew.free[0]}`)
  const admin = postgres(servers.postgres, { max: 1, onnotice: () => {} })
  stage.onEnd(() => admin.end({ timeout: 1 }))

  const seen = {
    append: [] as Array<number>,
    theirAppend: [] as Array<number>,
    project: [] as Array<number>,
    theirProject: [] as Array<number>,
  }
  const rates = { append: [] as Array<number>, theirAppend: [] as Array<number> }
  let behind = 0
  for (let n = 0; n < rounds; n++) {
    const database = `emmett_${n}`
    await admin.unsafe(`create database ${database}`)
    const url = new URL(servers.postgres)
    url.pathname = `/${database}`

    const postgresBefore = cpuOfFamily(servers.postgresPid)
    const theirs = await answerOf<Appended>(stage, PEER, ["append", url.href, String(tasks)])
    seen.theirAppend.push((cpuOfFamily(servers.postgresPid) - postgresBefore) / theirs.events)
    rates.theirAppend.push(theirs.events / theirs.seconds)

    const natsBefore = cpuOf(servers.natsPid)
    const ids = Array.from({ length: tasks }, (_, index) => `${n}-${index}`)
    let seconds = 0
    for (let event = 0; event < EVENTS_OF_A_TASK; event++)
      seconds += (await raw.run(ids, message, IN_FLIGHT)).seconds
    seen.append.push((cpuOf(servers.natsPid) - natsBefore) / theirs.events)
    rates.append.push(theirs.events / seconds)

    const theirRead = await answerOf<Projected>(stage, PEER, ["project", url.href])
    if (theirRead.documents < tasks / 2)
      throw new Error(`Emmett projected ${theirRead.documents} of ${tasks} tasks`)
    // Its consumer may overtake appends that ran at the same time: what it left out, events or whole tasks, is told
    // with the figures.
    behind += tasks - theirRead.done
    seen.theirProject.push(theirs.events / theirRead.seconds)
    const schema = `emmett_${n}`
    const ownRead = await answerOf<Read>(stage, "readLog.ts", [
      servers.nats,
      String(last),
      servers.postgres,
      schema,
    ])
    seen.project.push(last / ownRead.seconds)
    await admin.unsafe(`drop schema ${schema} cascade`)
    tell(
      `round ${n + 1} of ${rounds}: projected ${rounded(seen.project.at(-1) ?? 0)}/s, Emmett ${rounded(seen.theirProject.at(-1) ?? 0)}/s`,
    )
  }
  return [
    atLeast(5, {
      name: "projection, against Emmett 0.42",
      value: rounded(median(seen.project)),
      unit: "/s",
      baseline: rounded(median(seen.theirProject)),
      details: {
        best: rounded(Math.max(...seen.project)),
        "Emmett's best": rounded(Math.max(...seen.theirProject)),
        "tasks that Emmett left behind": `${behind} of ${rounds * tasks}`,
      },
    }),
    atMostTimes(0.5, {
      name: "server CPU of an append, against Emmett 0.42",
      value: rounded(median(seen.append)),
      unit: "µs",
      baseline: rounded(median(seen.theirAppend)),
      details: {
        "appends/s": rounded(median(rates.append)),
        "Emmett's appends/s": rounded(median(rates.theirAppend)),
      },
    }),
  ]
}
