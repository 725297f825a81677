import { median, pause, quantile, quantiles, rounded, sum } from "../figures.ts"
import { HttpLoad, type Loaded, request } from "../HttpLoad.ts"
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

/** `take` over HTTP against a guarded publish of the same bytes on the same server. */
export const take: Run = async (context: Context) => {
  const { stage, tell } = context
  const rounds = sized(context, 5, 3)
  const perRound = sized(context, 4_000, 1_500)
  const singles = sized(context, 300, 100)
  const data = stage.make("take")
  const crew = await withSeedServer(data, (connection) =>
    seedCrew(connection, { agents: IN_FLIGHT, free: (rounds + 1) * (2 * perRound + 2 * singles) + 1 }),
  )
  const program = new Program(stage, data)
  await program.start()
  const { http, nats } = program.where
  const connection = await connectTo(nats)
  stage.onEnd(() => connection.close())
  const raw = await RawLog.open(connection)
  const many = await HttpLoad.open(http, IN_FLIGHT)
  const single = await HttpLoad.open(http, 1)
  stage.onEnd(() => [many, single].forEach((load) => load.close()))
  const deal = dealer(crew)
  const asked = (verb: string, tasks: ReadonlyArray<string>, headers = {}) =>
    tasks.map((id, n) => {
      const token = crew.agents[n % crew.agents.length]?.token ?? ""
      return request("POST", `/api/v1/tasks/${id}/${verb}`, token, headers)
    })

  const [sample = ""] = deal(1)
  await many.run(asked("take", [sample]))
  // A connection has to ask something soon, or the server closes it.
  await single.run(asked("watch", [sample]))
  const message = await RawLog.newest(connection, `crew.evt.task.${sample}`)

  /** Every aggregate is known to whoever writes it before it is measured: the budget is not about loading. */
  const warm = async (tasks: ReadonlyArray<string>) => {
    await many.run(asked("watch", tasks))
    await raw.run(tasks, message, IN_FLIGHT)
  }
  const results = {
    raw: [] as Array<Round>,
    http: [] as Array<Round>,
    waiting: [] as Array<Round>,
    rawSingle: [] as Array<Round>,
    httpSingle: [] as Array<Round>,
    waitingSingle: [] as Array<Round>,
  }
  for (let n = -1; n < rounds; n++) {
    const [one, other, few, fewer] = [deal(perRound), deal(perRound), deal(singles), deal(singles)]
    for (const tasks of [one, other, few, fewer]) await warm(tasks)
    await pause(200)
    const rawMany = await round(program, () => raw.run(one, message, IN_FLIGHT))
    const httpMany = await round(program, () => many.run(asked("take", one, ASYNC)))
    const waitingMany = await round(program, () => many.run(asked("take", other)))
    await pause(500)
    const rawSingle = await round(program, () => raw.run(few, message, 1))
    const httpSingle = await round(program, () => single.run(asked("take", few, ASYNC)))
    const waitingSingle = await round(program, () => single.run(asked("take", fewer)))
    if (n < 0) continue
    results.raw.push(rawMany)
    results.http.push(httpMany)
    results.waiting.push(waitingMany)
    results.rawSingle.push(rawSingle)
    results.httpSingle.push(httpSingle)
    results.waitingSingle.push(waitingSingle)
    tell(`round ${n + 1} of ${rounds}: raw ${rounded(rawMany.rate)}/s, HTTP ${rounded(httpMany.rate)}/s`)
  }

  const p50 = (name: keyof typeof results) =>
    quantile(
      results[name].flatMap(({ times }) => times),
      0.5,
    )
  const baseline = middle(results.raw)
  return [
    shown({
      name: "raw guarded publish, 64 in flight",
      value: baseline,
      unit: "/s",
      details: told(results.raw),
    }),
    atLeast(0.5, {
      name: "take over HTTP, 64 in flight",
      value: middle(results.http),
      unit: "/s",
      baseline,
      details: told(results.http),
    }),
    shown({
      name: "take over HTTP that waits for the read model, 64 in flight",
      value: middle(results.waiting),
      unit: "/s",
      baseline,
      details: told(results.waiting),
    }),
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
  ]
}
