// First of all: schemas that are made before it stay slow.
import "effect/schema/SchemaJITCompiler/enable"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Exit } from "effect"
import { interruption } from "./interruption.ts"
import { run } from "./root.ts"

// Whoever read us (`| head`) has enough: that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0)
  throw error
})

run(process.argv.slice(2)).pipe(
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    teardown: (exit, end) =>
      end(Exit.isSuccess(exit) && typeof exit.value === "number" ? exit.value : interruption.code),
  }),
)
