import { serving } from "../child.ts"
import { rounded } from "../figures.ts"
import { chat, read } from "../gateway/chat.ts"
import { Contender } from "../gateway/Contender.ts"
import { GatewayProgram } from "../gateway/GatewayProgram.ts"
import { type Manner, Provider } from "../gateway/Provider.ts"
import { install } from "../install.ts"
import { atLeast, atMost, atMostTimes, type Row, shown } from "../Row.ts"
import { type Context, type Run, sized } from "../Run.ts"

const IN_FLIGHT = 50
const PORTKEY = "../portkey/start.mjs"

interface Served {
  readonly pid: number
  readonly url: string
}

/** All that answer the same: the provider itself, who only passes on, Portkey, and the program. */
interface Arena {
  readonly provider: Provider
  readonly bare: Served
  readonly portkey: Served
  readonly own: GatewayProgram
}

const prepare = async ({ stage, tell }: Context): Promise<Arena> => {
  await install("portkey", tell)
  const provider = await Provider.start(stage)
  const own = await GatewayProgram.start(stage, provider)
  for (const manner of ["fast", "paced"] as const) await own.serve(manner, [manner])
  const bare = await serving<Served>(stage, "barePassThrough.ts", [provider.url])
  const portkey = await serving<Served>(stage, PORTKEY, [])
  return { provider, bare, portkey, own }
}

/** The load that is put on each of them. */
interface Load {
  readonly manner: Manner
  readonly isStream: boolean
  /** Requests of a round. */
  readonly count: number
  /** Requests of a round of Portkey, 0 to leave it out. */
  readonly countOfPortkey: number
  readonly rounds: number
  /** Rounds that don't count, before all others. */
  readonly warmUp: number
}

const asPortkeyWants = ({ url }: Provider, base: string) => ({
  "x-portkey-provider": "openai",
  "x-portkey-custom-host": url + base,
})

/** The figures of each under the same load, in rounds that take turns. */
const compete = async (
  { bare, own, portkey, provider }: Arena,
  { stage, tell }: Context,
  { count, countOfPortkey, isStream, manner, rounds, warmUp }: Load,
) => {
  const base = provider.base(manner, 0)
  const straight = [chat({ path: `${base}/chat/completions`, model: "native-model", isStream })]
  const headers = asPortkeyWants(provider, base)
  const open = async (name: string, { pid, url }: Served, requests: ReadonlyArray<Buffer>, count: number) => {
    const contender = await Contender.open({ name, pid, url, requests, count }, IN_FLIGHT)
    stage.onEnd(() => contender.close())
    return contender
  }
  const sides = {
    straight: await open("provider", provider, straight, count),
    bare: await open("bare", bare, straight, count),
    own: await open("own", own, own.asked(manner, isStream), count),
    portkey: await open(
      "Portkey",
      portkey,
      [chat({ headers, model: "native-model", isStream })],
      Math.max(1, countOfPortkey),
    ),
  }
  await check(sides, manner)
  const { portkey: last, ...others } = sides
  const competing = countOfPortkey > 0 ? [...Object.values(others), last] : Object.values(others)
  for (const contender of competing) await contender.warmUp(warmUp)
  for (let n = 0; n < rounds; n++) {
    for (const contender of competing) await contender.run()
    const seen = competing.map(({ cpu, name, rate }) => `${name} ${rate}/s ${cpu} µs`)
    tell(`${manner}, ${isStream ? "streams" : "whole"}, round ${n + 1} of ${rounds}: ${seen.join(", ")}`)
  }
  for (const contender of Object.values(sides)) contender.close()
  return sides
}

type Sides = Awaited<ReturnType<typeof compete>>

/** All of them say the same, and the program under the name that was asked for. */
const check = async (sides: Sides, model: string): Promise<void> => {
  const texts = new Set<string>()
  for (const contender of Object.values(sides)) texts.add(read(await contender.answer()).text)
  const name = read(await sides.own.answer()).model
  if (texts.size !== 1 || texts.has("") || name !== model) {
    throw new Error(`answers differ, or are not for ${model} but ${name}: ${[...texts].join(" | ")}`)
  }
}

const BARE = "a bare pass-through"

/** As fast as it goes: whoever takes more time for a request answers fewer. */
const atFullSpeed = (kind: string, { bare, own, portkey }: Sides): ReadonlyArray<Row> => [
  shown({ name: `${kind}: ${BARE}`, value: bare.rate, unit: "/s", details: bare.details }),
  atMostTimes(1.5, {
    name: `${kind}: the gateway's CPU, against ${BARE}`,
    value: own.cpu,
    unit: "µs",
    baseline: bare.cpu,
    details: own.details,
  }),
  atLeast(3, {
    name: `${kind}: requests through the gateway, against Portkey 1.15.2`,
    value: own.rate,
    unit: "/s",
    baseline: portkey.rate,
    details: portkey.others,
  }),
]

/** With time to spare: what is left is what passing on takes. */
const atEase = (kind: string, { bare, own, straight }: Sides): ReadonlyArray<Row> => [
  atMost(0.5, {
    name: `${kind} of a provider that takes 20 ms: p50 above ${BARE}`,
    value: rounded(own.p50 - bare.p50),
    unit: "ms",
    details: {
      ...own.details,
      "bare p50": rounded(bare.p50),
      "provider's own p50": rounded(straight.p50),
    },
  }),
  atMostTimes(1.5, {
    name: `${kind} of a provider that takes 20 ms: CPU, against ${BARE}`,
    value: own.cpu,
    unit: "µs",
    baseline: bare.cpu,
    details: bare.others,
  }),
]

/**
 * Chat completions through the gateway of a whole program, 50 at a time, with tokens of members, limits, three backends
 * and metering, against node:http with undici that only gives the model another name, and against Portkey. All of them
 * have the same provider. CPU is that of the gateway's process as the system counts it; the servers of its log and of
 * its tables are others.
 */
export const gateway: Run = async (context) => {
  const arena = await prepare(context)
  const rounds = sized(context, 5, 2)
  const [whole, streams] = [false, true].map((isStream) => async () => {
    const full = await compete(arena, context, {
      manner: "fast",
      isStream,
      count: sized(context, isStream ? 12_000 : 20_000, isStream ? 4_000 : 6_000),
      countOfPortkey: sized(context, isStream ? 1_500 : 3_000, 500),
      rounds,
      warmUp: sized(context, 2, 4),
    })
    const ease = await compete(arena, context, {
      manner: "paced",
      isStream,
      count: sized(context, isStream ? 2_000 : 4_000, isStream ? 800 : 1_500),
      countOfPortkey: 0,
      rounds,
      warmUp: 2,
    })
    const kind = isStream ? "streams" : "whole answers"
    return [...atFullSpeed(kind, full), ...atEase(kind, ease)]
  })
  return [...((await whole?.()) ?? []), ...((await streams?.()) ?? [])]
}
