import { Effect, Layer, Option, Redacted } from "effect"
import { existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { adminTokenHash, enrolAdmin, openLobby } from "../../commands/firstStart.ts"
import { Tokens } from "../../commands/Tokens.ts"
import { Settings } from "../../config.ts"
import { NewerRecord } from "../../domain/EventLog.ts"
import { DataFolder } from "./DataFolder.ts"
import { Secrets } from "./Secrets.ts"

/** Says so where the setting names a token that was replaced: it stays dead. */
const tellOutdated = (isInForce: (token: string) => boolean) =>
  Effect.gen(function* () {
    const { adminToken } = yield* Settings
    if (Option.isNone(adminToken) || isInForce(Redacted.value(adminToken.value))) return
    yield* Effect.logWarning(
      "CREWLOG_ADMIN_TOKEN is outdated: the admin's token was replaced, and the setting makes the first one only. " +
        "Take it out; if nobody knows the new one, `crewlog token admin --reset` makes another.",
    )
  })

/** Takes the file of a token that was replaced out of the data folder. */
const dropUseless = (isInForce: (token: string) => boolean) =>
  Effect.gen(function* () {
    const file = join((yield* DataFolder).path, "admin-token")
    const isUseless = yield* Effect.sync(
      () => existsSync(file) && !isInForce(readFileSync(file, "utf8").trim()),
    )
    if (!isUseless) return
    yield* Effect.sync(() => rmSync(file, { force: true }))
    yield* Effect.logInfo("the admin's token was set elsewhere; it is not in this data folder")
  })

/**
 * The lobby and the first admin are there before the doors open. A token from the setting, or else one that this
 * program made, is the first admin's if there was no admin yet: another node's, or a newer one, stays in force.
 */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { adminToken } = yield* Secrets
    const tokens = yield* Tokens
    const first = tokens.hash(Redacted.value(adminToken))
    const enrol = Effect.gen(function* () {
      if ((yield* adminTokenHash()) === undefined) yield* enrolAdmin(first)
      const known = yield* adminTokenHash()
      const isInForce = (token: string) => tokens.hash(token) === known
      yield* tellOutdated(isInForce)
      yield* dropUseless(isInForce)
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
