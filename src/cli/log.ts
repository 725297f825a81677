import { Command } from "effect/cli"
import { at } from "./log/at.ts"
import { diff } from "./log/diff.ts"
import { explain } from "./log/explain.ts"
import { exportLog } from "./log/export.ts"
import { history } from "./log/history.ts"
import { importLog } from "./log/import.ts"
import { replay } from "./log/replay.ts"
import { show } from "./log/show.ts"
import { tail } from "./log/tail.ts"

export const log = Command.make("log").pipe(
  Command.withDescription("Read the log"),
  Command.withSubcommands([tail, show, history, at, diff, explain, replay, exportLog, importLog]),
)
