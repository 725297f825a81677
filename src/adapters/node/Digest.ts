import { Layer } from "effect"
import { hash, randomUUID } from "node:crypto"
import { v5 } from "uuid"
import { Digest } from "../../domain/Digest.ts"

/** Made once for Crewlog (random); every derived id depends on it, so it never changes. */
const NAMESPACE = "6f0c3f0e-6a53-4c52-9a8e-4f1f4f1d7c5b"

export const digest: Digest["Service"] = {
  sha256: (text) => hash("sha256", text),
  uuidOf: (name) => v5(name, NAMESPACE),
  uuid: randomUUID,
}

export const layer = Layer.succeed(Digest, digest)
