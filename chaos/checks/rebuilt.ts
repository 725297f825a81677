import { Effect, Layer, Redacted } from "effect"
import { Nats, type NatsTarget } from "../../src/adapters/nats/Connection.ts"
import { layer as NatsEventLog } from "../../src/adapters/nats/EventLog.ts"
import { layer as DigestLayer } from "../../src/adapters/node/Digest.ts"
import { connect, type SchemaAt } from "../../src/adapters/postgres/client.ts"
import { digest } from "../../src/adapters/node/Digest.ts"
import { storeIn } from "../../src/adapters/postgres/Store.ts"
import { tableHash } from "../../src/adapters/postgres/tableHash.ts"
import { verify } from "../../src/cli/verify/verification.ts"
import { EventLog } from "../../src/domain/EventLog.ts"
import { LIVE } from "../../src/program.ts"
import { crewModel } from "../../src/projections/CrewModel.ts"
import { project } from "../../src/projections/project.ts"
import { quietly, type Scene } from "../Scene.ts"

const logOn = (target: NatsTarget) => NatsEventLog.pipe(Layer.provide(Nats.layer(target, "crewlog-chaos")))

const placeOf = (url: string, schema = LIVE): SchemaAt => ({ url: Redacted.make(url), schema })

const hashesOf = async (place: SchemaAt): Promise<ReadonlyMap<string, string>> => {
  const sql = connect(place, { max: 1 })
  try {
    const hashes = new Map<string, string>()
    for (const { name } of crewModel.tables) {
      const { hash, rows } = await tableHash(sql, place.schema, name)
      hashes.set(name, `${rows} rows, ${hash}`)
    }
    return hashes
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** Projects the whole log, as the program does but in batches of a size, into a schema of its own. */
const projectInto = (place: SchemaAt, largest: number) =>
  Effect.gen(function* () {
    const log = yield* EventLog
    const { epoch, last } = yield* log.head
    const term = yield* storeIn(place).lead(crewModel)
    const committed = () => Effect.void
    const parked = new Map<string, number>()
    const progress = { log, digest, epoch, term, at: term.start, parked, strict: true, committed }
    yield* project(progress, { largest, until: last })
  }).pipe(Effect.scoped)

export const BATCHES = [1, 7, 1_000] as const

/**
 * Makes the read model anew from the log on a second PostgreSQL, with batches of several sizes, and compares it
 * table by table with the live one, which has to be at the head of the log and at rest.
 */
export const compareRebuilt = async (
  scene: Scene,
  target: NatsTarget,
  live: string,
  second: string,
): Promise<ReadonlyArray<string>> => {
  for (const url of [target.url, live, second]) scene.mustOwn(url)
  const expected = await hashesOf(placeOf(live))
  const differences: Array<string> = []
  for (const size of BATCHES) {
    const place = placeOf(second, `rebuilt_${size}`)
    await quietly(projectInto(place, size).pipe(Effect.provide(logOn(target))))
    for (const [table, hash] of await hashesOf(place)) {
      if (hash === expected.get(table)) continue
      differences.push(`${table}, batches of ${size}: rebuilt ${hash}, live ${expected.get(table)}`)
    }
  }
  return differences
}

/** The findings of `crewlog verify`: sequence, chain, schemas, snapshots and, given a read model, its rows. */
export const verified = (scene: Scene, target: NatsTarget, live?: string) => {
  for (const url of live === undefined ? [target.url] : [target.url, live]) scene.mustOwn(url)
  const place = live === undefined ? undefined : placeOf(live)
  return quietly(
    verify(place).pipe(
      Effect.map(({ verification }) => verification),
      Effect.provide(Layer.merge(logOn(target), DigestLayer)),
    ),
  )
}
