import { Effect, Layer, Logger, Option, References } from "effect"
import { Settings } from "../../config.ts"

/** The log lines of the program, on standard error: pretty for people, one JSON object a line for programs. */
export const layer = Layer.unwrap(
  Effect.map(Settings, ({ logFormat, logLevel }) => {
    const format = Option.getOrElse(logFormat, () => (process.stderr.isTTY ? "pretty" : "json"))
    const logger = format === "pretty" ? Logger.formatSimple : Logger.formatJson
    return Layer.merge(
      Logger.layer([Logger.withConsoleError(logger)]),
      Layer.succeed(References.MinimumLogLevel, logLevel),
    )
  }),
)
