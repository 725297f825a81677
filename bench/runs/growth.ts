import { Effect, Layer, References } from "effect"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { layer as DigestLayer } from "../../src/adapters/node/Digest.ts"
import { Nats } from "../../src/adapters/nats/Connection.ts"
import { layer as NatsEventLog } from "../../src/adapters/nats/EventLog.ts"
import { Digest } from "../../src/domain/Digest.ts"
import { EventLog } from "../../src/domain/EventLog.ts"
import { historian } from "../../src/domain/History.ts"
import { Task } from "../../src/domain/Task.ts"
import { median, pause, quantile, quantiles, rounded } from "../figures.ts"
import { cpuOf, memoryOf } from "../processes.ts"
import { Program, ROOT } from "../Program.ts"
import { atMost, type Row, shown } from "../Row.ts"
import { type Context, type Run } from "../Run.ts"
import { seedCrew } from "../seed.ts"
import { withSeedServer } from "../SeedServer.ts"

const COLD = 300
const RESTARTS = 3
const IDLE_FOR = 15_000
/** Of the log's stream, in milliseconds: when nats-server starts it reads the ids of all records that are not older. */
const DUPLICATE_WINDOW = 120_000

/** Milliseconds of each load of an aggregate that nobody has in memory, as the dispatcher does it. */
const loadAll = (natsUrl: string, ids: ReadonlyArray<string>): Promise<ReadonlyArray<number>> => {
  const { host, password, username } = new URL(natsUrl)
  const target = {
    url: `nats://${host}`,
    user: decodeURIComponent(username),
    pass: decodeURIComponent(password),
  }
  return Effect.gen(function* () {
    const { load } = historian(Task, yield* EventLog, yield* Digest)
    const times: Array<number> = []
    for (const id of ids) {
      const started = performance.now()
      const { seq } = yield* load({ type: "task", id })
      times.push(performance.now() - started)
      if (seq === 0) return yield* Effect.die(new Error(`task ${id} is not there`))
    }
    return times
  }).pipe(
    Effect.provide(Layer.mergeAll(NatsEventLog.pipe(Layer.provide(Nats.layer(target))), DigestLayer)),
    Effect.provideService(References.MinimumLogLevel, "Error"),
    Effect.runPromise,
  )
}

/** Milliseconds of `crewlog rebuild`, which also compares the new tables with the old ones: they must be equal. */
const rebuild = async (data: string): Promise<number> => {
  const started = performance.now()
  await promisify(execFile)(process.execPath, ["src/cli/crewlog.ts", "rebuild"], {
    cwd: ROOT,
    env: { PATH: process.env["PATH"] ?? "", CREWLOG_DATA: data },
  })
  return performance.now() - started
}

/** A log of so many records: loading from it, making the tables anew, starting on it. */
const measure = async ({ stage, tell }: Context, records: number): Promise<ReadonlyArray<Row>> => {
  const size = `${records.toLocaleString("en")} records`
  const data = stage.make(`growth-${records}`)
  const crew = await withSeedServer(data, (connection) =>
    seedCrew(connection, {
      agents: 50,
      free: COLD,
      records,
      told: (written) => tell(`${size}: ${written.toLocaleString("en")} written`),
    }),
  )
  const { last } = crew.writer
  const oldAt = performance.now() + DUPLICATE_WINDOW
  const program = new Program(stage, data)
  tell(`${size}: starting, with all tables to be made ...`)
  const first = await program.start()
  tell(`${size}: ready after ${rounded(first)} ms; loading aggregates, then making the tables anew ...`)
  const cold = await loadAll(program.where.nats, crew.free)
  const rebuilt = await rebuild(program.data)
  tell(`${size}: rebuilt in ${rounded(rebuilt)} ms; restarting when the records are two minutes old ...`)
  await program.stop()
  // No log has all of its records from the last two minutes.
  await pause(Math.max(0, oldAt - performance.now()))

  const starts: Array<number> = []
  for (let n = 0; n < RESTARTS; n++) {
    starts.push(await program.start())
    if (n < RESTARTS - 1) await program.stop()
  }
  const afterKill = await (async () => {
    await program.stop("SIGKILL")
    return program.start()
  })()
  const cpu = cpuOf(program.pid)
  await pause(IDLE_FOR)
  const memory = memoryOf(program.pid) / 2 ** 20
  const idle = (cpuOf(program.pid) - cpu) / (IDLE_FOR * 1_000)
  const natsMemory = memoryOf(program.natsPid) / 2 ** 20
  await program.stop()
  tell(`${size}: cold load ${rounded(median(cold))} ms, restart ${rounded(median(starts))} ms`)

  const load = {
    name: `cold load among ${size}, p50`,
    value: rounded(quantile(cold, 0.5)),
    unit: "ms",
    details: quantiles(cold),
  }
  const restart = {
    name: `restart to ready, ${size}`,
    value: rounded(median(starts)),
    unit: "ms",
    details: { best: rounded(Math.min(...starts)), "after kill -9": rounded(afterKill) },
  }
  const resident = {
    name: `idle memory of the program, ${size}`,
    value: rounded(memory),
    unit: "MB",
    details: { "nats-server MB": rounded(natsMemory), "idle CPU %": rounded(idle * 100) },
  }
  const budgeted = records === BUDGETED
  return [
    budgeted ? atMost(2, load) : shown(load),
    budgeted ? atMost(3_000, restart) : shown(restart),
    shown({
      name: `first start, all tables made, ${size}`,
      value: rounded((last * 1_000) / first),
      unit: "/s",
      details: { seconds: rounded(first / 1_000) },
    }),
    shown({
      name: `crewlog rebuild beside the running program, ${size}`,
      value: rounded((last * 1_000) / rebuilt),
      unit: "/s",
      details: { seconds: rounded(rebuilt / 1_000) },
    }),
    budgeted ? atMost(200, resident) : shown(resident),
  ]
}

const BUDGETED = 1_000_000

/** The growth of cold loads, starts and rebuilds with the log. */
export const growth: Run = async (context) => {
  const rows: Array<Row> = []
  const counts = context.isQuick ? [10_000, 100_000] : [10_000, 100_000, BUDGETED]
  for (const records of counts) rows.push(...(await measure(context, records)))
  return rows
}
