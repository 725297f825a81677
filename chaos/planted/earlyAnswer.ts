import { plant } from "./plant.ts"

// The program that answers as soon as a record is on its way.
plant({
  file: "src/adapters/nats/append.ts",
  from: "const send = sending(publish, request, yield* TraceParent)",
  to: `const send = Effect.promise(async (): Promise<Answer> => {
      const planted = globalThis as { head?: Promise<number>; sent?: number }
      planted.head ??= nats.jsm.streams.info(LOG_STREAM).then(({ state }) => state.last_seq)
      const head = await planted.head
      planted.sent = (planted.sent ?? 0) + 1
      void Effect.runPromise(sending(publish, request, undefined))
      return { _tag: "Stored", appended: { seq: head + planted.sent, duplicate: false } }
    })`,
})
await import("../../src/main.ts")
