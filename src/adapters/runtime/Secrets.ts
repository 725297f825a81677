import { createAccount } from "@nats-io/nkeys"
import { Context, Effect, Layer, Option, Redacted } from "effect"
import { createHash } from "node:crypto"
import { join } from "node:path"
import { type EncryptionKey, SettingInvalid, Settings } from "../../config.ts"
import { DataFolder, DataFolderUnusable } from "./DataFolder.ts"
import { randomSecret, secretFile } from "./SecretFile.ts"

/** A key for AES-256 and the id that sealed text names it by. */
export interface SealingKey {
  readonly id: string
  /** 32 bytes. */
  readonly bytes: Redacted.Redacted<Uint8Array>
}

/** The program's own secrets: as set, else made at the first start and kept in the data folder (mode 0600). */
export class Secrets extends Context.Service<
  Secrets,
  {
    /** File `admin-token`, or CREWLOG_ADMIN_TOKEN. */
    readonly adminToken: Redacted.Redacted
    /** File `encryption-key`, or CREWLOG_ENCRYPTION_KEY. The first seals, all open. */
    readonly sealingKeys: readonly [SealingKey, ...ReadonlyArray<SealingKey>]
    /** File `nats-issuer`, or CREWLOG_NATS_ISSUER: the seed that answers to agents' logins are signed with. */
    readonly natsIssuer: Redacted.Redacted
  }
>()("crewlog/adapters/runtime/Secrets") {}

const makeIssuer = () => new TextDecoder().decode(createAccount().getSeed())

const toSealingKey = ({ hex, id }: EncryptionKey): SealingKey => {
  const bytes = Buffer.from(Redacted.value(hex), "hex")
  return {
    id: Option.getOrElse(id, () => createHash("sha256").update(bytes).digest("hex").slice(0, 8)),
    bytes: Redacted.make(bytes),
  }
}

export const layer: Layer.Layer<Secrets, DataFolderUnusable | SettingInvalid, Settings | DataFolder> =
  Layer.effect(
    Secrets,
    Effect.gen(function* () {
      const settings = yield* Settings
      const { path } = yield* DataFolder
      const kept = (name: string, make: () => string) =>
        Effect.try({
          try: () => Redacted.make(secretFile(join(path, name), make)),
          catch: (cause) =>
            new DataFolderUnusable({ message: `${join(path, name)} can't be used: ${cause}`, cause }),
        })
      const [first, ...others] = settings.encryptionKeys
      if (first === undefined && Option.isSome(settings.natsUrl)) {
        return yield* new SettingInvalid({
          setting: "CREWLOG_ENCRYPTION_KEY",
          expected:
            "set when NATS_URL is, to the same on every node: 64 hex characters (`openssl rand -hex 32`)",
        })
      }
      return Secrets.of({
        adminToken: Option.isSome(settings.adminToken)
          ? settings.adminToken.value
          : yield* kept("admin-token", () => `tb-${randomSecret()}`),
        sealingKeys: [
          toSealingKey(first ?? { id: Option.none(), hex: yield* kept("encryption-key", randomSecret) }),
          ...others.map(toSealingKey),
        ],
        natsIssuer: Option.isSome(settings.natsIssuer)
          ? settings.natsIssuer.value
          : yield* kept("nats-issuer", makeIssuer),
      })
    }),
  )
