import { plant } from "./plant.ts"

// The program without the guard: whoever comes last wins.
plant({
  file: "src/adapters/nats/append.ts",
  from: 'head.set("Nats-Expected-Last-Subject-Sequence", String(guard))',
  to: "",
})
await import("../../src/main.ts")
