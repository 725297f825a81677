import * as NodeServices from "@effect/platform-node/NodeServices"
import { ConfigProvider, Console, Effect, Redacted, Result } from "effect"
import { isDeepStrictEqual } from "node:util"
import { parseRecord } from "../../src/adapters/nats/records.ts"
import { connect } from "../../src/adapters/postgres/client.ts"
import { run } from "../../src/cli/root.ts"
import type { Recorded } from "../../src/domain/CommitRecord.ts"
import { dump } from "../../test/adapters/postgres/dump.ts"
import { tablesOf } from "../../test/projections/Tables.ts"
import type { Stored } from "../logRecords.ts"
import type { Random } from "../Random.ts"
import { quietly, type Scene, searchPath } from "../Scene.ts"

export const POSITIONS = 20

/** Positions by chance, the last one among them. */
const somewhere = (random: Random, last: number): ReadonlyArray<number> => {
  const drawn = new Set([last])
  while (drawn.size < Math.min(POSITIONS, last)) drawn.add(random.between(1, last))
  return [...drawn]
}

/** `crewlog log replay`; gives what it complains of. */
const replay = (seq: number, schema: string, env: Readonly<Record<string, string>>): Promise<string> => {
  let printed = ""
  const error = (text: string) => {
    printed += text
  }
  const console: Console.Console = Object.assign(Object.create(globalThis.console), { log: () => {}, error })
  return quietly(
    run(["log", "replay", "--to", String(seq), "--schema", schema, "--json"]).pipe(
      Effect.provideService(Console.Console, console),
      Effect.provide([NodeServices.layer, ConfigProvider.layer(ConfigProvider.fromUnknown(env))]),
      Effect.map((code) => (code === 0 ? "" : `exit code ${code}: ${printed}`)),
    ),
  )
}

const dumpOf = async (url: string, schema: string): Promise<Readonly<Record<string, unknown>>> => {
  const sql = connect({ url: Redacted.make(url), schema }, { max: 1 })
  try {
    return await quietly(dump(sql))
  } finally {
    await sql.end({ timeout: 1 })
  }
}

const recordOf = ({ seq, subject, text }: Stored): Recorded =>
  Result.getOrThrow(parseRecord({ seq, subject, data: Buffer.from(text) }))

/** Compares what `crewlog log replay` makes of positions by chance with a fold in memory of the same records. */
export const travelInTime = async (
  scene: Scene,
  { nats, postgres }: { readonly nats: string; readonly postgres: string },
  written: ReadonlyArray<Stored>,
  random: Random,
): Promise<{ readonly positions: number; readonly broken: ReadonlyArray<string> }> => {
  for (const url of [nats, postgres]) scene.mustOwn(url)
  const env = {
    PATH: searchPath,
    NATS_URL: nats,
    DATABASE_URL: postgres,
    CREWLOG_ENCRYPTION_KEY: "0".repeat(64),
  }
  const records = written.map(recordOf)
  const positions = somewhere(random, records.length)
  const broken: Array<string> = []
  for (const seq of positions) {
    const complaint = await replay(seq, `at_${seq}`, env)
    if (complaint !== "") {
      broken.push(`replay to ${seq}: ${complaint}`)
      continue
    }
    const made = await dumpOf(postgres, `at_${seq}`)
    for (const [table, rows] of Object.entries(tablesOf({ records: records.slice(0, seq) }).all))
      if (!isDeepStrictEqual(made[table], rows))
        broken.push(`replay to ${seq}: ${table} differs from the fold`)
  }
  return { positions: positions.length, broken }
}
