import { Command } from "effect/cli"
import { at } from "./log/at.ts"
import { diff } from "./log/diff.ts"
import { explain } from "./log/explain.ts"
import { history } from "./log/history.ts"
import { show } from "./log/show.ts"
import { tail } from "./log/tail.ts"

export const log = Command.make("log").pipe(
  Command.withDescription("Read the log"),
  Command.withSubcommands([tail, show, history, at, diff, explain]),
)
