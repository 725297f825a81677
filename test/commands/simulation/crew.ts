import { Effect, Scope } from "effect"
import { Random } from "../../../chaos/Random.ts"
import { layer as DigestLayer } from "../../../src/adapters/node/Digest.ts"
import { Digest } from "../../../src/domain/Digest.ts"
import type { FaultTally, Way } from "./NodeLog.ts"
import { SimulatedLog } from "./SimulatedLog.ts"
import { type DispatcherLayer, startNode } from "./SimulatedNode.ts"

/** Faults of the program, made on purpose. */
export interface Planted {
  readonly isGuarded?: boolean
  readonly isHasty?: boolean
  readonly dispatcher?: DispatcherLayer
}

export const NODES = 3

/** Ids from names only, so that the same seed makes the same ones. */
const seededDigest = (seed: number) =>
  Effect.map(Digest, (digest) => {
    let made = 0
    return Digest.of({ ...digest, uuid: () => digest.uuidOf(`simulation ${seed} ${(made += 1)}`) })
  }).pipe(Effect.provide(DigestLayer))

/** Nodes on one log, that start again when they died. */
export const crew = Effect.fnUntraced(function* (seed: number, planted: Planted) {
  const random = new Random(seed)
  const digest = yield* seededDigest(seed)
  const log = new SimulatedLog(planted)
  const faults: FaultTally = new Map()
  const weather = { isCalm: true }
  let started = 0
  const way = (): Way => ({
    ...planted,
    log,
    random: random.fork(`node ${(started += 1)}`),
    tally: faults,
    weather,
  })
  const start = Effect.suspend(() => startNode(way(), digest, planted.dispatcher))
  const scope = yield* Effect.scope
  const nodes = yield* Effect.all(Array.from({ length: NODES }, () => start))
  const restart = (index: number) =>
    Effect.map(Effect.provideService(start, Scope.Scope, scope), (node) => void (nodes[index] = node))
  return { digest, faults, log, nodes, random, restart, started: () => started, way, weather }
})
