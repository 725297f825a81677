import { LIVE } from "../../src/program.ts"
import { serving } from "../child.ts"
import { median, pause, quantiles, rounded, sum } from "../figures.ts"
import { HttpLoad, request } from "../HttpLoad.ts"
import { cpuOf } from "../processes.ts"
import { Program } from "../Program.ts"
import { atLeast, shown } from "../Row.ts"
import { type Run, sized } from "../Run.ts"
import { seedCrew } from "../seed.ts"
import { withSeedServer } from "../SeedServer.ts"

const TASKS = 50
const IN_FLIGHT = 16

/** A project's 50 tasks over HTTP, against node:http with the same SQL through the same client. */
export const list: Run = async (context) => {
  const { stage, tell } = context
  const rounds = sized(context, 7, 4)
  const perRound = sized(context, 2_500, 800)
  const data = stage.make("list")
  const { agents, project } = await withSeedServer(data, (connection) =>
    seedCrew(connection, { agents: IN_FLIGHT, free: TASKS }),
  )
  const program = new Program(stage, data)
  await program.start()
  const { http, postgres } = program.where
  const bare = await serving<{ readonly url: string }>(stage, "bareList.ts", [postgres, LIVE])
  const requests = Array.from({ length: perRound }, (_, n) =>
    request("GET", `/api/v1/tasks?project_id=${project.id}`, agents[n % agents.length]?.token ?? ""),
  )
  const sides = [
    { name: "bare", pid: bare.pid, load: new HttpLoad(bare.url, IN_FLIGHT) },
    { name: "own", pid: program.pid, load: new HttpLoad(http, IN_FLIGHT) },
  ].map((side) => ({
    ...side,
    rates: [] as Array<number>,
    times: [] as Array<number>,
    cpu: [] as Array<number>,
  }))
  stage.onEnd(() => sides.forEach(({ load }) => load.close()))
  const [bareSide, ownSide] = sides
  if (bareSide === undefined || ownSide === undefined) return []

  const [ours, theirs] = [await ownSide.load.run(requests, true), await bareSide.load.run(requests, true)]
  const counts = [ours, theirs].map(
    ({ bodies }) => (JSON.parse(bodies[0] ?? "[]") as ReadonlyArray<unknown>).length,
  )
  if (counts.some((count) => count !== TASKS)) throw new Error(`lists of ${counts.join(" and ")} tasks`)
  for (let n = 0; n < rounds; n++) {
    for (const { cpu, load, pid, rates, times } of sides) {
      await pause(50)
      const before = cpuOf(pid)
      const { seconds, times: more } = await load.run(requests)
      cpu.push((cpuOf(pid) - before) / perRound)
      rates.push(perRound / seconds)
      times.push(...more)
    }
    tell(
      `round ${n + 1} of ${rounds}: ${sides.map(({ name, rates }) => `${name} ${rounded(rates.at(-1) ?? 0)}/s`).join(", ")}`,
    )
  }
  const told = ({ cpu, rates, times }: typeof ownSide) => ({
    best: rounded(Math.max(...rates)),
    ...quantiles(times),
    "server µs/op": rounded(sum(cpu) / cpu.length),
  })
  const baseline = rounded(median(bareSide.rates))
  return [
    shown({
      name: "node:http, the same SQL, the same client",
      value: baseline,
      unit: "/s",
      details: told(bareSide),
    }),
    atLeast(0.6, {
      name: "GET /api/v1/tasks?project_id= of 50 tasks",
      value: rounded(median(ownSide.rates)),
      unit: "/s",
      baseline,
      details: told(ownSide),
    }),
  ]
}
