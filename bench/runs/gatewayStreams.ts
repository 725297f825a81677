import { join } from "node:path"
import { median, pause, quantiles, rounded, until } from "../figures.ts"
import { ChatLoad, type Chats } from "../gateway/ChatLoad.ts"
import { GatewayProgram } from "../gateway/GatewayProgram.ts"
import { Provider } from "../gateway/Provider.ts"
import { memoryOf } from "../processes.ts"
import { ROOT } from "../Program.ts"
import { atMost, atMostTimes, type Row } from "../Row.ts"
import { type Context, type Run, sized } from "../Run.ts"

const IN_FLIGHT = 50
const OPEN = 2_000
const LAPS = 10
const MEGABYTE = 2 ** 20
const SAMPLE_EVERY = 100

/** Says on SIGUSR2 what is left in memory. */
const COLLECTED = { NODE_OPTIONS: `--import ${join(ROOT, "bench", "children", "collected.ts")}` }

const check = ({ failures }: Chats): void => {
  if (failures.length > 0) throw new Error(`${failures.length} failures: ${failures[0]}`)
}

/** Bytes in use by JavaScript after a collection of all garbage. */
const leftIn = async (program: GatewayProgram): Promise<number> => {
  const { length } = program.output
  process.kill(program.pid, "SIGUSR2")
  let left: RegExpExecArray | null = null
  await until("the program says what is left in memory", () => {
    left = /\{"left":(\d+)\}/.exec(program.output.slice(length))
    return left !== null
  })
  return Number(left?.[1])
}

/** The resident memory of a process meanwhile, in the middle of many looks. */
const residentDuring = async (pid: number, work: Promise<unknown>): Promise<number> => {
  const seen: Array<number> = []
  const timer = setInterval(() => seen.push(memoryOf(pid)), SAMPLE_EVERY)
  await work.finally(() => clearInterval(timer))
  return median(seen)
}

/** A long row of streams, one after the other: the last laps take as much memory as the first. */
const runLong = async (context: Context, program: GatewayProgram): Promise<ReadonlyArray<Row>> => {
  const streams = sized(context, 200_000, 20_000)
  const lap = streams / LAPS
  const requests = program.asked("fast", true)
  const load = await ChatLoad.open(program.url, IN_FLIGHT)
  context.stage.onEnd(() => load.close())
  // Code is compiled, and pools are filled.
  check(await load.run(lap, requests))
  const leftBefore = await leftIn(program)
  const resident: Array<number> = []
  let seconds = 0
  for (let n = 0; n < LAPS; n++) {
    const running = load.run(lap, requests)
    resident.push(await residentDuring(program.pid, running))
    const chats = await running
    check(chats)
    seconds += chats.seconds
    context.tell(`${lap * (n + 1)} of ${streams} streams, ${rounded((resident.at(-1) ?? 0) / MEGABYTE)} MB`)
  }
  // What was metered is on the log.
  await pause(2_000)
  const leftAfter = await leftIn(program)
  const [first, last] = [median(resident.slice(0, 3)), median(resident.slice(-3))]
  return [
    atMostTimes(1.1, {
      name: `resident memory after ${streams.toLocaleString("en")} streams, against the first of them`,
      value: rounded(last / MEGABYTE),
      unit: "MB",
      baseline: rounded(first / MEGABYTE),
      details: {
        "streams/s": rounded(streams / seconds),
        "by tenths, MB": resident.map((bytes) => Math.round(bytes / MEGABYTE)).join(" "),
      },
    }),
    atMostTimes(1.1, {
      name: "the same, what is in use after a collection of garbage",
      value: rounded(leftAfter / MEGABYTE),
      unit: "MB",
      baseline: rounded(leftBefore / MEGABYTE),
      details: { "bytes for each stream": rounded((leftAfter - leftBefore) / streams) },
    }),
  ]
}

/** Many streams at once, all of them in the middle of their answers; then all come to their end. */
const openMany = async (
  { stage, tell }: Context,
  program: GatewayProgram,
  provider: Provider,
): Promise<ReadonlyArray<Row>> => {
  const load = await ChatLoad.open(program.url, OPEN)
  stage.onEnd(() => load.close())
  const [before, leftBefore] = [memoryOf(program.pid), await leftIn(program)]
  const running = load.run(OPEN, program.asked("held", true))
  await until("all streams are open", async () => (await provider.state()).held === OPEN)
  await pause(3_000)
  const [during, leftDuring] = [memoryOf(program.pid), await leftIn(program)]
  tell(`${OPEN} streams are open`)
  await provider.release()
  const { failures, firsts, times } = await running
  return [
    atMost(0, {
      name: `${OPEN.toLocaleString("en")} streams open at once: those that did not come to their end`,
      value: OPEN - times.length + failures.length,
      unit: "streams",
      details: {
        "resident KB for each": rounded((during - before) / OPEN / 1_024),
        "KB in use for each": rounded((leftDuring - leftBefore) / OPEN / 1_024),
        ...Object.fromEntries(
          Object.entries(quantiles(firsts)).map(([name, millis]) => [`first byte ${name}`, millis]),
        ),
        ...(failures.length === 0 ? {} : { "one of them": failures[0]?.slice(0, 200) ?? "" }),
      },
    }),
  ]
}

/** The memory that streams take of the whole program: one after the other for long, and many at once. */
export const gatewayStreams: Run = async (context) => {
  const provider = await Provider.start(context.stage)
  const program = await GatewayProgram.start(context.stage, provider, COLLECTED)
  for (const manner of ["fast", "held"] as const) await program.serve(manner, [manner])
  return [...(await openMany(context, program, provider)), ...(await runLong(context, program))]
}
