import { median, pause, quantile, quantiles, rounded, sum } from "../figures.ts"
import { HttpLoad, type Loaded, request } from "../HttpLoad.ts"
import { NatsLoad } from "../NatsLoad.ts"
import { cpuOf, cpuOfFamily } from "../processes.ts"
import { Program } from "../Program.ts"
import { connectTo, RawLog } from "../RawLog.ts"
import { atLeast, atMost, type Row, shown } from "../Row.ts"
import { type Context, type Run, sized } from "../Run.ts"
import { type Crew, seedCrew } from "../seed.ts"
import { withSeedServer } from "../SeedServer.ts"

const IN_FLIGHT = 64
const ASYNC = { Prefer: "respond-async" }

interface Round extends Loaded {
  readonly rate: number
  /** Microseconds of processor time for each operation. */
  readonly cpu: Readonly<Record<string, number>>
}

/** Runs it and looks at what the processes used meanwhile. */
const round = async (program: Program, load: () => Promise<Loaded>): Promise<Round> => {
  const pids = { program: program.pid, nats: program.natsPid }
  const before = {
    program: cpuOf(pids.program),
    nats: cpuOf(pids.nats),
    postgres: cpuOfFamily(program.postgresPid),
  }
  const loaded = await load()
  const count = loaded.times.length
  const used = {
    program: cpuOf(pids.program) - before.program,
    nats: cpuOf(pids.nats) - before.nats,
    postgres: cpuOfFamily(program.postgresPid) - before.postgres,
  }
  return {
    ...loaded,
    rate: count / loaded.seconds,
    cpu: {
      "program µs/op": rounded(used.program / count),
      "nats µs/op": rounded(used.nats / count),
      "postgres µs/op": rounded(used.postgres / count),
    },
  }
}

const told = (rounds: ReadonlyArray<Round>): Row["details"] => {
  const times = rounds.flatMap((one) => one.times)
  const cpu = Object.keys(rounds[0]?.cpu ?? {}).map((name) => {
    const values = rounds.map((one) => one.cpu[name] ?? 0)
    return [name, rounded(sum(values) / values.length)] as const
  })
  return {
    best: rounded(Math.max(...rounds.map(({ rate }) => rate))),
    ...quantiles(times),
    ...Object.fromEntries(cpu),
  }
}

const middle = (rounds: ReadonlyArray<Round>) => rounded(median(rounds.map(({ rate }) => rate)))

/** A chunk of the free tasks for each use. */
const dealer = ({ free }: Crew) => {
  let dealt = 0
  return (count: number): ReadonlyArray<string> => {
    const tasks = free.slice(dealt, (dealt += count))
    if (tasks.length < count) throw new Error("too few tasks were seeded")
    return tasks
  }
}

/** `take` over HTTP and over NATS against a guarded publish of the same bytes on the same server. */
export const take: Run = async (context: Context) => {
  const { stage, tell } = context
  const rounds = sized(context, 5, 3)
  const perRound = sized(context, 4_000, 1_500)
  const singles = sized(context, 300, 100)
  const data = stage.make("take")
  const crew = await withSeedServer(data, (connection) =>
    seedCrew(connection, {
      agents: IN_FLIGHT,
      free: (rounds + 1) * (4 * perRound + 3 * singles + IN_FLIGHT) + 1,
    }),
  )
  const program = new Program(stage, data)
  await program.start()
  const { agents, http, nats } = program.where
  const connection = await connectTo(nats)
  stage.onEnd(() => connection.close())
  const raw = await RawLog.open(connection)
  const many = new HttpLoad(http, IN_FLIGHT)
  const single = new HttpLoad(http, 1)
  stage.onEnd(() => [many, single].forEach((load) => load.close()))
  const first = crew.agents.slice(0, 1)
  const natsMany = await NatsLoad.open(agents, first, IN_FLIGHT)
  const natsAgents = await NatsLoad.open(agents, crew.agents)
  const natsSingle = await NatsLoad.open(agents, first)
  for (const load of [natsMany, natsAgents, natsSingle]) stage.onEnd(() => load.close())
  const deal = dealer(crew)
  const asked = (verb: string, tasks: ReadonlyArray<string>, headers = {}) =>
    tasks.map((id, n) => {
      const token = crew.agents[n % crew.agents.length]?.token ?? ""
      return request("POST", `/api/v1/tasks/${id}/${verb}`, token, headers)
    })
  const commanded = (tasks: ReadonlyArray<string>) =>
    tasks.map((id) => ({ name: "task.take", body: JSON.stringify({ id }) }))

  const [sample = ""] = deal(1)
  await many.run(asked("take", [sample]))
  const message = await RawLog.newest(connection, `crew.evt.task.${sample}`)

  /** Every aggregate is known to whoever writes it before it is measured: the budget is not about loading. */
  const warm = async (tasks: ReadonlyArray<string>) => {
    await many.run(asked("watch", tasks))
    await raw.run(tasks, message, IN_FLIGHT)
  }
  const results: Record<Measured, Array<Round>> = {
    raw: [],
    nats: [],
    natsAgents: [],
    http: [],
    waiting: [],
    rawSingle: [],
    natsSingle: [],
    httpSingle: [],
    waitingSingle: [],
  }
  for (let n = -1; n < rounds; n++) {
    const [one, two, three, four] = [deal(perRound), deal(perRound), deal(perRound), deal(perRound)]
    const [few, fewer, fewest] = [deal(singles), deal(singles), deal(singles)]
    for (const tasks of [one, two, three, four, few, fewer, fewest]) await warm(tasks)
    // Who was heard of in the last seconds need not be noted as online again, nor its tasks be counted.
    await natsAgents.run(commanded(deal(IN_FLIGHT)), ASYNC)
    const measured: ReadonlyArray<readonly [Measured, () => Promise<Loaded>]> = [
      ["raw", () => raw.run(one, message, IN_FLIGHT)],
      ["nats", () => natsMany.run(commanded(one), ASYNC)],
      ["natsAgents", () => natsAgents.run(commanded(two), ASYNC)],
      ["http", () => many.run(asked("take", three, ASYNC))],
      ["waiting", () => many.run(asked("take", four))],
      ["rawSingle", () => raw.run(few, message, 1)],
      ["natsSingle", () => natsSingle.run(commanded(few), ASYNC)],
      ["httpSingle", () => single.run(asked("take", fewer, ASYNC))],
      ["waitingSingle", () => single.run(asked("take", fewest))],
    ]
    for (const [name, load] of measured) {
      await pause(300)
      const seen = await round(program, load)
      if (n >= 0) results[name].push(seen)
    }
    if (n < 0) continue
    const rate = (name: Measured) => rounded(results[name].at(-1)?.rate ?? 0)
    tell(`round ${n + 1} of ${rounds}: raw ${rate("raw")}/s, NATS ${rate("nats")}/s, HTTP ${rate("http")}/s`)
  }
  return rowsOf(results)
}

type Measured =
  | "raw"
  | "nats"
  | "natsAgents"
  | "http"
  | "waiting"
  | "rawSingle"
  | "natsSingle"
  | "httpSingle"
  | "waitingSingle"

const rowsOf = (results: Readonly<Record<Measured, ReadonlyArray<Round>>>): ReadonlyArray<Row> => {
  const p50 = (name: Measured) =>
    quantile(
      results[name].flatMap(({ times }) => times),
      0.5,
    )
  const baseline = middle(results.raw)
  const against = (name: Measured, what: string) => ({
    name: what,
    value: middle(results[name]),
    unit: "/s",
    baseline,
    details: told(results[name]),
  })
  return [
    shown({
      name: "raw guarded publish, 64 in flight",
      value: baseline,
      unit: "/s",
      details: told(results.raw),
    }),
    atLeast(0.6, against("nats", "take over NATS, 64 in flight")),
    shown(against("natsAgents", "take over NATS, 64 agents on connections of their own")),
    atLeast(0.5, against("http", "take over HTTP, 64 in flight")),
    shown(against("waiting", "take over HTTP that waits for the read model, 64 in flight")),
    atMost(0.6, {
      name: "one take over HTTP, p50 above raw",
      value: rounded(p50("httpSingle") - p50("rawSingle")),
      unit: "ms",
      details: {
        "raw p50": rounded(p50("rawSingle")),
        ...told(results.httpSingle),
        "p50 with waiting": rounded(p50("waitingSingle")),
      },
    }),
    shown({
      name: "one take over NATS, p50 above raw",
      value: rounded(p50("natsSingle") - p50("rawSingle")),
      unit: "ms",
      details: told(results.natsSingle),
    }),
  ]
}
