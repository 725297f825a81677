import { Effect, Exit, Redacted, References, Scope } from "effect"
import { join } from "node:path"
import { natsServer } from "../src/adapters/runtime/EmbeddedNats.ts"
import { postgresServer } from "../src/adapters/runtime/EmbeddedPostgres.ts"
import type { Stage } from "./Stage.ts"

const searchPath = process.env["PATH"] ?? ""

/** The two servers of a program's data folder, as the program runs them, without the program. */
export class EmbeddedServers {
  /** As runtime.json has them. */
  readonly nats: string
  readonly postgres: string
  readonly natsPid: number
  readonly postgresPid: number

  private constructor(found: Pick<EmbeddedServers, "nats" | "postgres" | "natsPid" | "postgresPid">) {
    this.nats = found.nats
    this.postgres = found.postgres
    this.natsPid = found.natsPid
    this.postgresPid = found.postgresPid
  }

  static async start(stage: Stage, data: string): Promise<EmbeddedServers> {
    const scope = Scope.makeUnsafe()
    stage.onEnd(() => Effect.runPromise(Scope.close(scope, Exit.void)))
    const starting = Effect.gen(function* () {
      const nats = yield* natsServer({ folder: join(data, "nats"), searchPath }, ["CREW"])
      const postgres = yield* postgresServer({ folder: join(data, "postgres"), searchPath })
      const [natsRun, postgresRun] = [yield* nats.start, yield* postgres.start]
      const account = nats.access.get("CREW")
      return new EmbeddedServers({
        nats: account === undefined ? "" : Redacted.value(account.url),
        postgres: Redacted.value(postgres.url),
        natsPid: natsRun.pid,
        postgresPid: postgresRun.pid,
      })
    })
    return Effect.runPromise(
      Scope.provide(starting, scope).pipe(Effect.provideService(References.MinimumLogLevel, "Error")),
    )
  }
}
