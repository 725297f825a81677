import { plant } from "./plant.ts"

// The program whose projector does not mind records that are missing. The audit at the start would keep
// such a log from it, so this one does without: what is to be shown is that the harness notices.
plant(
  {
    file: "src/adapters/runtime/Soundness.ts",
    from: "const audit = auditLog.pipe(",
    to: "const audit = (auditLog, Effect.void).pipe(",
  },
  {
    file: "src/adapters/nats/EventLog.ts",
    from: "message.seq === previous + 1",
    to: "message.seq > previous",
  },
  {
    file: "src/projections/project.ts",
    from: "if (hole === -1) return Effect.succeed(after + lines.length)",
    to: "if (hole !== -2) return Effect.succeed(lines.at(-1)?.seq ?? after)",
  },
)
await import("../../src/main.ts")
