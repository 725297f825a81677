import { Effect, Layer, Redacted } from "effect"
import { createHash } from "node:crypto"
import { Nats, type NatsTarget } from "../../src/adapters/nats/Connection.ts"
import { layer as KeyVaultLayer } from "../../src/adapters/nats/KeyVault.ts"
import type { SealingKey, SealingKeys } from "../../src/adapters/node/Sealing.ts"
import { KeyVault } from "../../src/commands/KeyVault.ts"

/** The key that is made from an id, in hex: always the same. */
export const hexOf = (id: string): string => createHash("sha256").update(id).digest("hex")

export const sealingKey = (id: string): SealingKey => ({
  id,
  bytes: Redacted.make(Buffer.from(hexOf(id), "hex")),
})

/** The vault on a server, with these sealing keys. */
export const vaultOn = (target: NatsTarget, keys: SealingKeys) =>
  Layer.build(KeyVaultLayer(keys).pipe(Layer.provide(Nats.layer(target, "test")))).pipe(
    Effect.flatMap((built) => Effect.provide(KeyVault, built)),
  )
