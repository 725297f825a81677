import { Effect, Layer } from "effect"
import { KeyVault } from "../../commands/KeyVault.ts"
import type { SealingKeys } from "../node/Sealing.ts"
import { sealedVault } from "../sealedVault.ts"
import { secretsBucket } from "./SecretsBucket.ts"

/** Sealed keys in the KV bucket `crew_secrets`. */
export const layer = (keys: SealingKeys) =>
  Layer.effect(
    KeyVault,
    Effect.map(secretsBucket, (bucket) => sealedVault(bucket, keys)),
  )
