import { Effect, Layer, Option, Redacted } from "effect"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { adminTokenHash, enrolAdmin, openLobby } from "../../commands/firstStart.ts"
import { Tokens } from "../../commands/Tokens.ts"
import { Settings } from "../../config.ts"
import { NewerRecord } from "../../domain/EventLog.ts"
import { DataFolder } from "./DataFolder.ts"
import { Secrets } from "./Secrets.ts"

/**
 * The lobby and the first admin are there before the doors open. A token from the setting is made
 * the admin's; one that this program made itself only if there was no admin yet: another node's, or
 * a newer one, stays in force, and the useless file goes.
 */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { adminToken: given } = yield* Settings
    const { adminToken } = yield* Secrets
    const { path } = yield* DataFolder
    const hash = (yield* Tokens).hash(Redacted.value(adminToken))
    const enrol = Effect.gen(function* () {
      const known = yield* adminTokenHash()
      if (known === hash) return
      if (known === undefined || Option.isSome(given)) return yield* enrolAdmin(hash)
      yield* Effect.sync(() => rmSync(join(path, "admin-token"), { force: true }))
      yield* Effect.logInfo("the admin's token was set elsewhere; it is not in this data folder")
    })
    yield* unlessNewer(openLobby())
    yield* unlessNewer(enrol)
  }),
)

/** Steps over an aggregate that a newer program has changed: it is there, and stays as it is. */
const unlessNewer = <Failure, Requirements>(step: Effect.Effect<void, Failure | NewerRecord, Requirements>) =>
  Effect.catchIf(
    step,
    (error): error is NewerRecord => error instanceof NewerRecord,
    ({ message }) => Effect.logWarning(message),
  )
