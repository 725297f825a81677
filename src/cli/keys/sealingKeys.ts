import { Effect, Option } from "effect"
import { join } from "node:path"
import { KEY_FILE, sealingKeysIn, sealingKeysOf } from "../../adapters/runtime/KeyFile.ts"
import { Settings } from "../../config.ts"
import { CommandFailed } from "../CommandFailed.ts"
import { dataFolder, textOf } from "../RunningServer.ts"

/** An effect that fails with a sentence of node:fs or of a file's reader. */
export const onFile = <Value>(path: string, run: () => Value) =>
  Effect.try({
    try: run,
    catch: (error) =>
      new CommandFailed({ message: `${path}: ${error instanceof Error ? error.message : String(error)}` }),
  })

/** The sealing keys as the server has them, and the file that they are in; none where they are in a setting. */
export const sealingKeys = Effect.gen(function* () {
  const { encryptionKeys, natsUrl } = yield* Settings
  const given = sealingKeysOf(encryptionKeys)
  if (given !== undefined) return { keys: given, file: undefined }
  if (Option.isSome(natsUrl)) {
    return yield* new CommandFailed({
      message: "NATS_URL is set, so CREWLOG_ENCRYPTION_KEY must be too: to what the servers have",
    })
  }
  const file = join(yield* dataFolder, KEY_FILE)
  const text = yield* textOf(file)
  if (text === undefined) {
    return yield* new CommandFailed({
      message: `there is no ${file}: the first start of a server makes it. Name another folder with --data, or set CREWLOG_ENCRYPTION_KEY.`,
    })
  }
  return { keys: yield* onFile(file, () => sealingKeysIn(text)), file }
})

/** The file of the sealing keys, for what only makes sense with one. */
export const sealingKeyFile = Effect.fnUntraced(function* (otherwise: string) {
  const { file, keys } = yield* sealingKeys
  if (file === undefined) {
    return yield* new CommandFailed({ message: `the keys here are in CREWLOG_ENCRYPTION_KEY: ${otherwise}` })
  }
  return { file, keys }
})
