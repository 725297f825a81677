import { plant } from "./plant.ts"

// The program that does not look whether an earlier try of the command was stored before it decides.
plant(
  {
    file: "src/commands/dispatch/deciding.ts",
    from: "const own = yield* firstAnswers.since(given, loaded, guard)",
    to: "const own = undefined",
  },
  {
    file: "src/commands/dispatch/deciding.ts",
    from: "const before = isChosen(commandId) ? yield* firstAnswers.earlier(given, loaded) : undefined",
    to: "const before = undefined",
  },
)
await import("../../src/main.ts")
