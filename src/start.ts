// First of all: schemas that are made before it stay slow. It compiles their checks, on the first use of each.
import "effect/schema/SchemaJITCompiler/enable"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Console, Effect, Exit } from "effect"
import { layer as SettingsLayer } from "./config.ts"
import { serve } from "./program.ts"

/** A line that says what is wrong; what nobody foresaw comes with its whole story. */
const tell = (cause: Cause.Cause<{ readonly message: string }>) => {
  const error = Cause.findErrorOption(cause)
  return Console.error(error._tag === "Some" ? `crewlog: ${error.value.message}` : Cause.pretty(cause))
}

NodeRuntime.runMain(serve.pipe(Effect.provide(SettingsLayer), Effect.tapCause(tell)), {
  disableErrorReporting: true,
  teardown: (exit, done) => done(Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause) ? 1 : 0),
})
