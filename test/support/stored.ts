import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Redacted } from "effect"
import postgres from "postgres"
import type { NodeServers } from "./node.ts"

/** Every message of every stream as text, its subject and headers included. */
const messages = async ({ nats }: NodeServers): Promise<ReadonlyArray<string>> => {
  const { pass = "", url, user = "" } = Redacted.value(nats.setup)
  const connection = await connect({ servers: url, user, pass })
  try {
    const jsm = await jetstreamManager(connection)
    const found: Array<string> = []
    for await (const { config, state } of jsm.streams.list()) {
      for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
        const message = await jsm.streams.getMessage(config.name, { seq })
        if (message !== null) found.push(`${message.subject} ${String(message.header)} ${message.string()}`)
      }
    }
    return found
  } finally {
    await connection.close()
  }
}

/** Every row of every table of the database as text. */
const rows = async ({ databaseUrl }: NodeServers): Promise<ReadonlyArray<string>> => {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  try {
    const tables = await sql<ReadonlyArray<{ schema: string; name: string }>>`
      select table_schema as schema, table_name as name from information_schema.tables
      where table_schema not in ('pg_catalog', 'information_schema')`
    const found: Array<string> = []
    for (const { name, schema } of tables) {
      const all = await sql<
        ReadonlyArray<{ row: string }>
      >`select t::text as row from ${sql(schema)}.${sql(name)} t`
      for (const { row } of all) found.push(`${name} ${row}`)
    }
    return found
  } finally {
    await sql.end({ timeout: 5 })
  }
}

/** All that is kept of what nodes did on these servers. */
export const storedOn = async (place: NodeServers) => ({
  messages: await messages(place),
  rows: await rows(place),
})
