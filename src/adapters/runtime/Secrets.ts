import { createAccount } from "@nats-io/nkeys"
import { Context, Effect, Layer, Option, Redacted } from "effect"
import { existsSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { SettingInvalid, Settings } from "../../config.ts"
import type { SealingKeys } from "../node/Sealing.ts"
import { DataFolder, DataFolderUnusable } from "./DataFolder.ts"
import { KEY_FILE, sealingKeysIn, sealingKeysOf } from "./KeyFile.ts"
import { randomSecret, secretFile } from "./SecretFile.ts"

/** The program's own secrets: as set, else made at the first start and kept in the data folder (mode 0600). */
export class Secrets extends Context.Service<
  Secrets,
  {
    /** File `admin-token`, or CREWLOG_ADMIN_TOKEN. */
    readonly adminToken: Redacted.Redacted
    /** File `encryption-key`, or CREWLOG_ENCRYPTION_KEY. The first seals, all open (docs/runbooks/keys.md). */
    readonly sealingKeys: SealingKeys
    /** File `nats-issuer`, or CREWLOG_NATS_ISSUER: the seed that answers to agents' logins are signed with. */
    readonly natsIssuer: Redacted.Redacted
  }
>()("crewlog/adapters/runtime/Secrets") {}

/** Keeps git away from the folder, secrets and all, wherever it is. */
const ignoreAll = (path: string) => {
  if (!existsSync(path)) writeFileSync(path, "*\n")
}

const makeIssuer = () => new TextDecoder().decode(createAccount().getSeed())

export const layer: Layer.Layer<Secrets, DataFolderUnusable | SettingInvalid, Settings | DataFolder> =
  Layer.effect(
    Secrets,
    Effect.gen(function* () {
      const settings = yield* Settings
      const { path } = yield* DataFolder
      const kept = <Value>(name: string, read: (path: string) => Value) =>
        Effect.try({
          try: () => read(join(path, name)),
          catch: (cause) =>
            new DataFolderUnusable({ message: `${join(path, name)} can't be used: ${cause}`, cause }),
        })
      const secret = (name: string, make: () => string) =>
        kept(name, (path) => Redacted.make(secretFile(path, make)))
      yield* kept(".gitignore", ignoreAll)
      const given = sealingKeysOf(settings.encryptionKeys)
      if (given === undefined && Option.isSome(settings.natsUrl)) {
        return yield* new SettingInvalid({
          setting: "CREWLOG_ENCRYPTION_KEY",
          expected:
            "set when NATS_URL is, to the same on every node: 64 hex characters (`openssl rand -hex 32`)",
        })
      }
      return Secrets.of({
        adminToken: Option.isSome(settings.adminToken)
          ? settings.adminToken.value
          : yield* secret("admin-token", () => `tb-${randomSecret()}`),
        sealingKeys:
          given ?? (yield* kept(KEY_FILE, (path) => sealingKeysIn(secretFile(path, randomSecret)))),
        natsIssuer: Option.isSome(settings.natsIssuer)
          ? settings.natsIssuer.value
          : yield* secret("nats-issuer", makeIssuer),
      })
    }),
  )
