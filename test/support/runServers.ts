import { Console, Effect, Layer } from "effect"
import { layer as settings } from "../../src/config.ts"
import * as DataFolder from "../../src/adapters/runtime/DataFolder.ts"
import { Servers, layer as servers } from "../../src/adapters/runtime/Servers.ts"

// A program that only runs the embedded servers, for tests that kill it. Prints "ready", or why it isn't.
const program = Effect.gen(function* () {
  const { databaseUrl, nats } = yield* Servers
  yield* DataFolder.DataFolder.use((folder) => folder.announce({ nats: nats.url, postgres: databaseUrl }))
  yield* Console.log("ready")
  return yield* Effect.never
}).pipe(
  Effect.provide(servers.pipe(Layer.provideMerge(DataFolder.layer), Layer.provideMerge(settings))),
  Effect.catch((error) => Console.log(error.message)),
)

const controller = new AbortController()
process.once("SIGTERM", () => controller.abort())
await Effect.runPromiseExit(program, { signal: controller.signal })
