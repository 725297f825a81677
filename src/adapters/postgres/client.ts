import { Redacted } from "effect"
import { connect as connectSocket } from "node:net"
import postgres from "postgres"

const number = { to: 20, from: [20], serialize: String, parse: Number }
/** RFC 3339 in UTC with milliseconds on our side, whatever PostgreSQL prints. */
const instant = {
  to: 1184,
  from: [1184],
  serialize: (text: string) => text,
  parse: (text: string) => new Date(text).toISOString(),
}

export type Client = postgres.Sql<{ bigint: number; date: string }>
/** A client or a transaction of one. */
export type Queries = postgres.ISql<{ bigint: number; date: string }>

export interface SchemaAt {
  readonly url: Redacted.Redacted
  /** The schema that all tables of a read model live in. */
  readonly schema: string
}

interface Address {
  readonly host: ReadonlyArray<string>
  readonly port: ReadonlyArray<number>
  readonly path?: string | false
}

/**
 * A statement longer than a packet must not wait for the acknowledgement of its first part, which
 * PostgreSQL delays for 40 ms. Handed over while it still connects, as the driver's own would be.
 */
const socketWithoutDelay = ({ host: [host = ""], path, port: [port = 0] }: Address) =>
  Object.assign(connectSocket({ ...(path ? { path } : { host, port }), noDelay: true }), { host, port })

const SCHEMA = /^[a-z_][a-z0-9_]{0,40}$/
const CONNECT_SECONDS = 3
const BEFORE_RECONNECT_SECONDS = 0.1

/**
 * Connections to one schema: queries name tables without it, so that the same ones work on a copy.
 * A lost connection is made again when the next query needs it.
 */
export const connect = (
  { schema, url }: SchemaAt,
  settings: { readonly max: number; readonly connection?: Readonly<Record<string, string>> },
): Client => {
  if (!SCHEMA.test(schema)) throw new Error(`not a schema name of ours: ${JSON.stringify(schema)}`)
  // The types of the driver do not know of `socket`.
  const options = { socket: socketWithoutDelay }
  return postgres(Redacted.value(url), {
    ...options,
    max: settings.max,
    // Connections hold advisory locks and prepared statements: they live as long as they can.
    max_lifetime: null,
    connect_timeout: CONNECT_SECONDS,
    backoff: () => BEFORE_RECONNECT_SECONDS,
    fetch_types: false,
    onnotice: () => {},
    types: { bigint: number, date: instant },
    connection: { search_path: schema, TimeZone: "UTC", application_name: "crewlog", ...settings.connection },
  })
}

// 22 data exception, 23 constraint, 21 cardinality, 54 a limit of the program (an index row's size).
const REFUSAL = /^(21|22|23|54)/

/** The database answers, but will never take this; everything else is an outage of some kind. */
export const isRefusal = (error: unknown): boolean =>
  error instanceof postgres.PostgresError && REFUSAL.test(error.code)

export const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const { code, errors } = error as { readonly code?: unknown; readonly errors?: ReadonlyArray<unknown> }
  const message = error.message === "" && errors !== undefined ? reasonOf(errors[0]) : error.message
  return typeof code === "string" && !message.includes(code) ? `${message} (${code})` : message
}
