import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { statSync } from "node:fs"
import { join } from "node:path"
import { styleText } from "node:util"
import { addKey } from "../../adapters/runtime/KeyFile.ts"
import { reseal } from "../../adapters/sealedVault.ts"
import { AnswerIsNo, CommandFailed } from "../CommandFailed.ts"
import { json } from "../flags.ts"
import { printable, printableJson } from "../printable.ts"
import { progressBar } from "../Progress.ts"
import { dataFolder, runningServer } from "../RunningServer.ts"
import { SettingsLayer } from "../settings.ts"
import { withBucket } from "./bucket.ts"
import { onFile, sealingKeyFile, sealingKeys } from "./sealingKeys.ts"

const makeKey = Flag.Boolean("new").pipe(
  Flag.withDescription("Only make a new key, in front of those in the data folder"),
  Flag.withDefault(false),
)

const newKey = Effect.fnUntraced(function* (json: boolean) {
  const { file } = yield* sealingKeyFile(
    "put a new one (`openssl rand -hex 32`) in front of them, on every node, and restart the nodes",
  )
  const running = yield* runningServer
  const key = yield* onFile(file, () => addKey(file))
  const next = `${Option.isSome(running) ? "restart the server, then run" : "run"} crewlog keys rotate`
  yield* Console.log(
    json
      ? printableJson({ key, file })
      : `The new key ${key} is the first in ${printable(file)}.\nNow ${next}.`,
  )
})

/** A server knows the keys of its start. */
const knownToServer = Effect.fnUntraced(function* (file: string) {
  if (Option.isNone(yield* runningServer)) return
  const started = join(yield* dataFolder, "runtime.json")
  const isNewer = yield* onFile(file, () => statSync(file).mtimeMs > statSync(started).mtimeMs)
  if (!isNewer) return
  return yield* new CommandFailed({
    message: `the server was started before ${file} was changed, and does not know its first key. Restart it first.`,
  })
})

const resealed = Effect.gen(function* () {
  const { file, keys } = yield* sealingKeys
  if (file !== undefined) yield* knownToServer(file)
  const progress = yield* progressBar("sealing")
  return { key: keys[0].id, ...(yield* withBucket((bucket) => reseal(bucket, keys, progress))) }
}).pipe(Effect.scoped)

const resealAll = Effect.fnUntraced(function* (json: boolean) {
  const { key, keys, resealed: anew, unreadable } = yield* resealed
  const ok = unreadable.length === 0
  if (json) {
    const left = unreadable.map(({ backend, reason }) => ({ backend, reason }))
    yield* Console.log(printableJson({ ok, key, keys, resealed: anew, unreadable: left }))
  } else {
    for (const { message } of unreadable) yield* Console.log(styleText("red", printable(message)))
    const all = `${keys - unreadable.length} of ${keys} key${keys === 1 ? " is" : "s are"} sealed with ${key}`
    yield* Console.log(`${all}, ${anew} of them since now.`)
  }
  if (!ok) return yield* new AnswerIsNo()
})

export const rotate = Command.make(
  "rotate",
  { json, makeKey },
  Effect.fnUntraced(function* ({ json, makeKey }) {
    yield* makeKey ? newKey(json) : resealAll(json)
  }, Effect.provide(SettingsLayer)),
).pipe(
  Command.withDescription(
    "Seal every provider's key anew with the first of the encryption keys. Servers may run meanwhile, if all of them " +
      "know that key; it can be repeated at any time. The exit code is 1 if one could not be read and is left as it was.",
  ),
  Command.withShortDescription("Seal everything anew with the first key"),
  Command.withExamples([
    { command: "crewlog keys rotate --new", description: "First: a new key. Then restart the server" },
    { command: "crewlog keys rotate", description: "Then: seal everything with it" },
    {
      command: "crewlog keys prune",
      description: "Later, when the server is stopped: let go of the old key",
    },
  ]),
)
