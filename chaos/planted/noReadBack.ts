import { plant } from "./plant.ts"

// The program that does not look whether its own earlier try was stored before it decides again.
plant(
  {
    file: "src/commands/dispatch.ts",
    from: "const recorded = yield* history.search(subject, envelope.commandId, loaded.seq, guard)",
    to: "const recorded = undefined as Recorded | undefined",
  },
  {
    file: "src/commands/dispatch.ts",
    from: "const before = yield* earlier(loaded)",
    to: "const before = decisions === 0 ? yield* earlier(loaded) : undefined",
  },
)
await import("../../src/main.ts")
