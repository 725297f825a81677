import { Console, Effect, Option } from "effect"
import { Command } from "effect/cli"
import { removeKeys } from "../../adapters/runtime/KeyFile.ts"
import type { SealingKeys } from "../../adapters/node/Sealing.ts"
import { type Bucket, sealedBy } from "../../adapters/sealedVault.ts"
import { CommandFailed } from "../CommandFailed.ts"
import { json } from "../flags.ts"
import { printable, printableJson } from "../printable.ts"
import { runningServer } from "../RunningServer.ts"
import { SettingsLayer } from "../settings.ts"
import { withBucket } from "./bucket.ts"
import { onFile, sealingKeyFile } from "./sealingKeys.ts"

/** Takes out the keys that seal nothing, but never the first. */
const pruneFile = Effect.fnUntraced(function* (file: string, keys: SealingKeys, bucket: Bucket) {
  const counts = yield* sealedBy(bucket)
  const unused = keys.filter(({ id }, index) => index > 0 && !counts.has(id)).map(({ id }) => id)
  if (unused.length > 0) yield* onFile(file, () => removeKeys(file, new Set(unused)))
  return { removed: unused, kept: keys.map(({ id }) => id).filter((id) => !unused.includes(id)) }
})

export const prune = Command.make(
  "prune",
  { json },
  Effect.fnUntraced(function* ({ json }) {
    if (Option.isSome(yield* runningServer)) {
      return yield* new CommandFailed({
        message: "a server runs: it may seal with an older key at any moment. Stop it first.",
      })
    }
    const { file, keys } = yield* sealingKeyFile(
      "take those out there, on every node, that seal nothing by crewlog keys list",
    )
    const { kept, removed } = yield* withBucket((bucket) => pruneFile(file, keys, bucket))
    const done = removed.length === 0 ? "No key is without use" : `Gone: ${removed.join(", ")}`
    yield* Console.log(
      json ? printableJson({ file, removed, kept }) : `${done}. In ${printable(file)}: ${kept.join(", ")}.`,
    )
  }, Effect.provide(SettingsLayer)),
).pipe(
  Command.withDescription(
    "Take those encryption keys out of the data folder that seal nothing any more; the first stays. Member tokens that " +
      "were made under them stay valid, but commands that made them are no longer answered with them when repeated. " +
      "The server must be stopped.",
  ),
  Command.withShortDescription("Let go of keys that seal nothing"),
)
