import { pause, quantile, quantiles, rounded } from "../figures.ts"
import { chat } from "../gateway/chat.ts"
import { ChatLoad } from "../gateway/ChatLoad.ts"
import { GatewayProgram } from "../gateway/GatewayProgram.ts"
import { type Manner, Provider } from "../gateway/Provider.ts"
import { atMost, atMostTimes, shown } from "../Row.ts"
import { type Run, sized } from "../Run.ts"

const IN_FLIGHT = 50
const GOOD: ReadonlyArray<Manner> = ["paced"]
const ONE_LIMITED: ReadonlyArray<Manner> = ["limited", "paced", "paced"]

/**
 * A run in which one backend of three answers 429 to everything. Each round has backends that nobody knows
 * anything of yet, and the same load with three good ones before; a 429 takes the provider as long as an
 * answer.
 */
export const gatewayLimited: Run = async (context) => {
  const { stage, tell } = context
  const rounds = sized(context, 5, 2)
  const count = sized(context, 6_000, 2_000)
  const provider = await Provider.start(stage)
  const program = await GatewayProgram.start(stage, provider)
  const open = async (url: string) => {
    const load = await ChatLoad.open(url, IN_FLIGHT)
    stage.onEnd(() => load.close())
    return load
  }
  const [straight, load] = [await open(provider.url), await open(program.url)]
  const path = `${provider.base("paced", 0)}/chat/completions`
  const trips: Array<number> = []
  const good: Array<number> = []
  const limited: Array<number> = []
  let failed = 0
  for (let n = -1; n < rounds; n++) {
    const [well, unwell] = [`well-${n + 1}`, `unwell-${n + 1}`]
    await program.serve(well, GOOD)
    await program.serve(unwell, ONE_LIMITED)
    await pause(50)
    const trip = await straight.run(count / 4, [chat({ path, model: "native-model", isStream: false })])
    const before = await load.run(count, program.asked(well, false))
    const during = await load.run(count, program.asked(unwell, false))
    failed += before.failures.length + during.failures.length
    if (n < 0) continue
    trips.push(...trip.times)
    good.push(...before.times)
    limited.push(...during.times)
    const [one, other] = [before, during].map(({ times }) => rounded(quantile(times, 0.99)))
    tell(`round ${n + 1} of ${rounds}: p99 ${one} ms, with one limited ${other} ms`)
  }
  const { refused } = await provider.state()
  const roundTrip = rounded(quantile(trips, 0.5))
  return [
    shown({
      name: "three good backends, 50 at a time: p99",
      value: rounded(quantile(good, 0.99)),
      unit: "ms",
      details: quantiles(good),
    }),
    atMost(0, {
      name: "one backend of three answers 429: callers that hear of it",
      value: failed,
      unit: "",
      details: { requests: 2 * count * (rounds + 1), "answered 429 by the backend": refused },
    }),
    atMostTimes(1, {
      name: "one backend of three answers 429: p99 above, against a round trip",
      value: rounded(quantile(limited, 0.99) - quantile(good, 0.99)),
      unit: "ms",
      baseline: roundTrip,
      details: quantiles(limited),
    }),
  ]
}
