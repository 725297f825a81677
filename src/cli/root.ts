import manifest from "../../package.json" with { type: "json" }
import { Cause, Console, Effect, Layer, Logger, References } from "effect"
import { CliConfig, CliError, CliOutput, Command, GlobalFlag } from "effect/cli"
import { Data } from "./flags.ts"
import { HelpLayer } from "./help.ts"
import { interruption } from "./interruption.ts"
import { keys } from "./keys.ts"
import { log } from "./log.ts"
import { printable } from "./printable.ts"
import { rebuild } from "./rebuild.ts"
import { serve } from "./serve.ts"
import { settings } from "./settingsList.ts"
import { status } from "./status.ts"
import { token } from "./token.ts"
import { verify } from "./verify.ts"

const root = Command.make("crewlog").pipe(
  Command.withDescription("An event-sourced backend for crews of people and agents"),
  Command.withSubcommands([serve, status, settings, log, verify, rebuild, token, keys]),
  Command.withGlobalFlags([Data]),
)

const WRONG_USAGE = 2

const complain = (message: string) => Console.error(`crewlog: ${printable(message)}`)

/** Wrong usage is one line; help is for who asks. */
const Presenter = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? complain(
          `${event.errors.map(({ message }) => message).join(". ")}. See ${event.commandPath.join(" ")} --help.`,
        )
      : CliOutput.defaultPresenter.present(event),
})

/** The log lines of the adapters, on stderr: stdout is for answers. */
const Logs = Logger.layer([
  Logger.withConsoleError(
    Logger.make(({ message }) => {
      const text = Array.isArray(message) ? message.map(String).join(" ") : String(message)
      return `crewlog: ${printable(text)}`
    }),
  ),
])

/** The meaning of the adapters' errors for somebody at a terminal. */
const sentenceOf: Readonly<Record<string, (error: Record<string, unknown>) => string>> = {
  LogUnavailable: ({ reason }) =>
    `the log can't be read: ${reason}. Is its server running, and did Crewlog ever start on it?`,
  LogDamaged: ({ reason, seq }) => `the log is damaged at ${seq}: ${reason}. Look at it with crewlog verify.`,
  ReadModelUnavailable: ({ reason }) => `PostgreSQL is away or can't be used: ${reason}`,
}

const isRecord = (error: unknown): error is Record<string, unknown> =>
  typeof error === "object" && error !== null

const messageOf = (error: unknown): string => {
  if (!isRecord(error)) return String(error)
  const sentence = sentenceOf[String(error["_tag"])]
  if (sentence !== undefined) return sentence(error)
  const { message } = error
  return typeof message === "string" && message !== "" ? message : String(error)
}

const codeOf = (cause: Cause.Cause<unknown>): Effect.Effect<number> => {
  if (Cause.hasInterruptsOnly(cause)) return Effect.succeed(interruption.code)
  const error = Cause.squash(cause)
  if (CliError.isCliError(error) && error._tag === "ShowHelp") {
    return Effect.succeed(error.errors.length === 0 ? 0 : WRONG_USAGE)
  }
  const tag = isRecord(error) ? error["_tag"] : undefined
  if (tag === "AnswerIsNo") return Effect.succeed(1)
  return Effect.as(complain(messageOf(error)), tag === "WrongUsage" ? WRONG_USAGE : 1)
}

/** Runs one command line and gives its exit code. */
export const run = (args: ReadonlyArray<string>) =>
  Command.runWith(root, { version: manifest.version })(args).pipe(
    Effect.as(0),
    Effect.catchCause(codeOf),
    Effect.provideService(References.MinimumLogLevel, "Warn"),
    Effect.provide(
      Layer.mergeAll(
        Presenter,
        HelpLayer,
        Logs,
        CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] }),
      ),
    ),
  )
