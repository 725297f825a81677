import { Effect } from "effect"
import { Command } from "effect/cli"
import { interruption } from "./interruption.ts"
import { SettingsLayer } from "./settings.ts"

export const serve = Command.make(
  "serve",
  {},
  Effect.fnUntraced(function* () {
    interruption.code = 0
    // Only now: no other command needs all of it, and they start the faster.
    const { serve } = yield* Effect.promise(() => import("../program.ts"))
    return yield* serve.pipe(Effect.provide(SettingsLayer))
  }),
).pipe(
  Command.withDescription(
    "Run the server in the foreground until Ctrl-C or SIGTERM; settings come from the environment.",
  ),
  Command.withShortDescription("Run the server"),
)
