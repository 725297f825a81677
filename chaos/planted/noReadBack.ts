import { plant } from "./plant.ts"

// The program that does not look whether its own earlier try was stored before it decides again.
plant(
  {
    file: "src/commands/dispatch/deciding.ts",
    from: "const own = yield* firstAnswers.since(given, loaded, guard)",
    to: "const own = undefined",
  },
  {
    file: "src/commands/dispatch/deciding.ts",
    from: "const before = isChosen(commandId) ? yield* firstAnswers.earlier(given, loaded) : undefined",
    to: `const before = decisions === 0 && isChosen(commandId)
      ? yield* firstAnswers.earlier(given, loaded) : undefined`,
  },
)
await import("../../src/main.ts")
