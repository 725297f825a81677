import { plant } from "./plant.ts"

// The program that does not look whether its own earlier try was stored before it decides again.
plant(
  {
    file: "src/commands/dispatch.ts",
    from: "const recorded = yield* given.history.search(given.subject, commandId, loaded.seq, guard)",
    to: "const recorded = undefined as Recorded | undefined",
  },
  {
    file: "src/commands/dispatch.ts",
    from: "const before = isChosen(envelope.commandId) ? yield* earlier(given, loaded) : undefined",
    to: `const before = decisions === 0 && isChosen(envelope.commandId)
      ? yield* earlier(given, loaded) : undefined`,
  },
)
await import("../../src/main.ts")
