import { Effect, Layer, Option } from "effect"
import { hash } from "node:crypto"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { randomSecret, replaceSecret } from "../adapters/runtime/SecretFile.ts"
import { Dispatcher } from "../commands/dispatch.ts"
import { resetAdminToken } from "../commands/firstStart.ts"
import { Receipts } from "../commands/Receipts.ts"
import { Settings } from "../config.ts"
import { CommandFailed } from "./CommandFailed.ts"
import { logOnly } from "./connected.ts"
import { dataFolder } from "./RunningServer.ts"

/** The command's id was made for it: no older record can have it. */
const NoReceipts = Layer.succeed(Receipts, {
  find: () => Effect.succeed({ seq: undefined, upTo: Number.MAX_SAFE_INTEGER }),
})

const onLog = (token: string) =>
  resetAdminToken(hash("sha256", token)).pipe(
    Effect.catchTag("MemberNotFound", () =>
      Effect.fail(
        new CommandFailed({
          message: "there is no admin yet: the first start of a server makes one. Start it.",
        }),
      ),
    ),
    Effect.provide(Dispatcher.layer.pipe(Layer.provide(NoReceipts), Layer.provideMerge(logOnly))),
  )

/**
 * Gives the first admin a new token, straight on the log: a running server hears of it there. The log first: what dies
 * before the file is written is done again.
 */
export const resetAdmin = Effect.gen(function* () {
  const token = `tb-${randomSecret()}`
  yield* onLog(token)
  const folder = yield* dataFolder
  if (existsSync(folder)) {
    yield* Effect.try({
      try: () => replaceSecret(join(folder, "admin-token"), token),
      catch: (cause) =>
        new CommandFailed({ message: `the new token could not be kept (${cause}). Run the command again.` }),
    })
  }
  if (Option.isSome((yield* Settings).adminToken)) {
    yield* Effect.logWarning("CREWLOG_ADMIN_TOKEN is outdated now: take it out, or set it to the new token.")
  }
  return token
})
