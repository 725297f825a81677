import { Effect, Option, Schema } from "effect"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { startOf } from "../adapters/runtime/ProcessTable.ts"
import { Settings } from "../config.ts"
import { CommandFailed } from "./CommandFailed.ts"

/** The content of `runtime.json`, by which a running server is found. */
export const RunningServer = Schema.Struct({
  pid: Schema.Int,
  http: Schema.optionalKey(Schema.String),
  gateway: Schema.optionalKey(Schema.String),
  metrics: Schema.optionalKey(Schema.String),
  nats: Schema.RedactedFromValue(Schema.String),
  postgres: Schema.RedactedFromValue(Schema.String),
})
export type RunningServer = typeof RunningServer.Type

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(RunningServer))

const isMissing = (error: unknown) =>
  error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")

/** The file's text; undefined where there is none. */
export const textOf = (path: string): Effect.Effect<string | undefined, CommandFailed> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(readFileSync(path, "utf8"))
    } catch (error) {
      if (isMissing(error)) return Effect.undefined
      return new CommandFailed({
        message: `${path} can't be read: ${error instanceof Error ? error.message : error}`,
      })
    }
  })

/** The process that uses the data folder now: a server, or a command that started the embedded servers. */
const holderOf = (lock: string | undefined): number | undefined => {
  const [pid, ...start] = lock?.trim().split(" ") ?? []
  return pid !== undefined && startOf(Number(pid)) === start.join(" ") ? Number(pid) : undefined
}

/** The absolute path of the data folder. */
export const dataFolder = Effect.map(Settings, ({ dataFolder }) => resolve(dataFolder))

/**
 * The server that runs on the data folder, if one does. What a killed one left behind doesn't count; one that
 * is not ready yet is a failure, for nobody else can use the folder meanwhile.
 */
export const runningServer = Effect.gen(function* () {
  const folder = yield* dataFolder
  const pid = holderOf(yield* textOf(join(folder, "lock")))
  if (pid === undefined) return Option.none<RunningServer>()
  const server = Option.filter(
    decode(yield* textOf(join(folder, "runtime.json"))),
    (found) => found.pid === pid,
  )
  if (Option.isSome(server)) return server
  return yield* new CommandFailed({
    message: `process ${pid} uses the data folder ${folder}, but serves nothing yet. Wait until it is ready or has ended.`,
  })
})
