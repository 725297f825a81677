import { Effect, Layer, Redacted } from "effect"
import { Nats } from "../../adapters/nats/Connection.ts"
import { secretsBucket } from "../../adapters/nats/SecretsBucket.ts"
import { Servers } from "../../adapters/runtime/Servers.ts"
import type { Bucket } from "../../adapters/sealedVault.ts"
import { servers } from "../connected.ts"

const NatsHere = Layer.unwrap(
  Effect.map(Servers, ({ nats }) => Nats.layer(Redacted.value(nats.backend), "crewlog-cli")),
).pipe(Layer.provide(servers({ withPostgres: false })))

/** Works with the bucket of sealed keys; where no server runs, none can start meanwhile. */
export const withBucket = <Value, Failure, Requirements>(
  use: (bucket: Bucket) => Effect.Effect<Value, Failure, Requirements>,
) => Effect.flatMap(secretsBucket, use).pipe(Effect.provide(NatsHere))
