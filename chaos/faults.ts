import type { Random } from "./Random.ts"
import type { Stage } from "./Storm.ts"
import { pause } from "./waiting.ts"

/** The number of times that each fault was made. */
export type Tally = Map<string, number>

export interface Fault {
  readonly name: string
  readonly make: (stage: Stage, random: Random) => Promise<void>
}

/** Answers of nats-server are lost for a moment, then the links are cut: nobody knows what was stored. */
const loseAcknowledgements: Fault = {
  name: "cuts to NATS",
  make: async ({ toNats }, random) => {
    for (const proxy of toNats) proxy.mode = "swallowAnswers"
    await pause(random.between(80, 250))
    for (const proxy of toNats) {
      proxy.cut()
      proxy.mode = "pass"
    }
  },
}

/** Answers of our nodes are lost, then their connections are cut: clients and sockets have to come back. */
const loseAnswers: Fault = {
  name: "cuts to clients",
  make: async ({ nodes }, random) => {
    const node = random.pick(nodes)
    node.proxy.mode = "swallowAnswers"
    await pause(random.between(50, 200))
    node.proxy.cut()
    node.proxy.mode = "pass"
  },
}

const dropSockets: Fault = {
  name: "sockets dropped",
  make: async ({ listeners }, random) => {
    for (const listener of listeners) if (random.chance(0.7)) listener.drop()
  },
}

const blackhole: Fault = {
  name: "blackholes",
  make: async ({ toNats, toPostgres }, random) => {
    const proxy = random.pick([...toNats, ...toPostgres])
    proxy.mode = "blackhole"
    await pause(random.between(500, 1_500))
    // Bytes are missing from the stream now: nobody can go on with this connection.
    proxy.cut()
    proxy.mode = "pass"
  },
}

const slow: Fault = {
  name: "delays",
  make: async ({ nodes, toNats, toPostgres }, random) => {
    const proxies = [...toNats, ...toPostgres, ...nodes.map(({ proxy }) => proxy)]
    for (const proxy of proxies) proxy.delay = random.chance(0.5) ? random.between(5, 60) : 0
    await pause(random.between(400, 1_000))
    // Bytes that are held up would be overtaken: wait for them.
    for (const proxy of proxies) if (proxy.delay > 0) proxy.cut()
    for (const proxy of proxies) proxy.delay = 0
  },
}

const cutPostgres: Fault = {
  name: "cuts to PostgreSQL",
  make: async ({ toPostgres }) => {
    for (const proxy of toPostgres) proxy.cut()
  },
}

const killNats: Fault = {
  name: "kills of nats-server",
  make: async ({ nats }, random) => {
    await nats.kill()
    await pause(random.between(0, 300))
    await nats.start()
  },
}

const killPostgres: Fault = {
  name: "kills of PostgreSQL",
  make: async ({ postgres }, random) => {
    await postgres.kill()
    await pause(random.between(0, 300))
    await postgres.start()
  },
}

const killNode = (which: 0 | 1): Fault => ({
  name: which === 0 ? "kills of node 1" : "kills of node 2",
  make: async ({ nodes }) => {
    await nodes[which]?.kill()
    await nodes[which]?.start()
  },
})

const freeze = (
  name: string,
  of: (stage: Stage, random: Random) => { freeze(): void; thaw(): void },
): Fault => ({
  name: `freezes of ${name}`,
  make: async (stage, random) => {
    const frozen = of(stage, random)
    frozen.freeze()
    try {
      await pause(name === "a node" ? random.between(2_500, 4_500) : random.between(500, 1_800))
    } finally {
      frozen.thaw()
    }
  },
})

const all: ReadonlyArray<Fault> = [
  killNats,
  killPostgres,
  killNode(0),
  killNode(1),
  freeze("nats-server", ({ nats }) => nats),
  freeze("PostgreSQL", ({ postgres }) => postgres),
  freeze("a node", ({ nodes }, random) => random.pick(nodes)),
  blackhole,
  slow,
  cutPostgres,
]

const BREATH = 350

/**
 * Makes every kind of fault once before any comes again, in an order of chance, with lost acknowledgements and
 * lost answers between them, for a time; always the whole first round.
 */
export const storm = async (stage: Stage, milliseconds: number): Promise<Tally> => {
  const random = stage.random.fork("storm")
  const tally: Tally = new Map()
  const make = async (fault: Fault) => {
    await fault.make(stage, random)
    tally.set(fault.name, (tally.get(fault.name) ?? 0) + 1)
    await pause(BREATH)
  }
  const end = performance.now() + milliseconds
  do {
    for (const [index, fault] of random.shuffled(all).entries()) {
      await make(fault)
      await make(loseAcknowledgements)
      await make(index % 2 === 0 ? loseAnswers : dropSockets)
      await make(loseAcknowledgements)
      if (performance.now() > end && tally.size >= all.length + 3) return tally
    }
  } while (performance.now() < end)
  return tally
}

/** Only cuts between nodes and NATS, of both kinds, for a time. */
export const cutsOnly = async (stage: Stage, milliseconds: number): Promise<Tally> => {
  const random = stage.random.fork("cuts")
  const end = performance.now() + milliseconds
  let cuts = 0
  for (; performance.now() < end; cuts++) {
    await loseAcknowledgements.make(stage, random)
    await pause(random.between(100, 300))
    for (const proxy of stage.toNats) proxy.mode = "blackhole"
    await pause(random.between(20, 60))
    for (const proxy of stage.toNats) {
      proxy.cut()
      proxy.mode = "pass"
    }
    await pause(random.between(100, 300))
  }
  return new Map([["cuts to NATS", cuts * 2]])
}

export const killsIn = (tally: Tally): number =>
  [...tally].filter(([name]) => name.startsWith("kills")).reduce((sum, [, count]) => sum + count, 0)
