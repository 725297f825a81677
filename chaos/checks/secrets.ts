import { Redacted } from "effect"
import { connect } from "../../src/adapters/postgres/client.ts"

/** A place that was searched: where, and what it holds. */
export interface Searched {
  readonly where: string
  readonly text: string
}

/** A secret in the shapes in which it might be written down. */
const shapesOf = (secret: string): ReadonlyArray<string> => {
  const bare = secret.replace(/^tb-/, "")
  const bytes = Buffer.from(bare)
  const shapes = [bare, bytes.toString("hex"), bytes.toString("base64").replace(/=+$/, "").slice(0, -1)]
  return /^[\da-f]+$/i.test(bare)
    ? [
        ...shapes,
        bare.toUpperCase(),
        Buffer.from(bare, "hex").toString("base64").replace(/=+$/, "").slice(0, -1),
      ]
    : shapes
}

/** The places where any of the secrets is found; they say whose, never the secret itself. */
export const findSecrets = (
  secrets: ReadonlyMap<string, string>,
  places: Iterable<Searched>,
): ReadonlyArray<string> => {
  const wanted = [...secrets].flatMap(([name, secret]) => shapesOf(secret).map((shape) => ({ name, shape })))
  const found = new Set<string>()
  for (const { text, where } of places)
    for (const { name, shape } of wanted) if (text.includes(shape)) found.add(`${name} in ${where}`)
  return [...found]
}

/** Every row of every table in every schema of a database, as text. */
export const tablesOf = async (url: string): Promise<ReadonlyArray<Searched>> => {
  const sql = connect({ url: Redacted.make(url), schema: "public" }, { max: 1 })
  try {
    const tables = await sql<Array<{ schema: string; name: string }>>`
      select table_schema as schema, table_name as name from information_schema.tables
      where table_schema not in ('pg_catalog', 'information_schema')`
    const places: Array<Searched> = []
    for (const { name, schema } of tables) {
      const rows = await sql<
        Array<{ text: string }>
      >`select t::text as text from ${sql(schema)}.${sql(name)} t`
      places.push({ where: `table ${schema}.${name}`, text: rows.map(({ text }) => text).join("\n") })
    }
    return places
  } finally {
    await sql.end({ timeout: 1 })
  }
}
