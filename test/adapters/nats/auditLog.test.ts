import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { auditLog } from "../../../src/adapters/nats/auditLog.ts"
import { Nats, open } from "../../../src/adapters/nats/Connection.ts"
import { LOG_STREAM } from "../../../src/adapters/nats/streams.ts"
import { EventLog } from "../../../src/domain/EventLog.ts"
import { FreshLog } from "../../support/log.ts"
import { freshSubject, recordOf } from "../../support/records.ts"
import { freshNats } from "../../support/servers.ts"

describe("the audit of the log", () => {
  it.live("the audit of the log finds nothing in a log that is whole, empty or not", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      yield* auditLog
      for (let n = 0; n < 30; n++)
        yield* log.append({ subject: freshSubject(), guard: 0, record: recordOf(0) })
      yield* auditLog
    }).pipe(Effect.provide(FreshLog)),
  )

  for (const [what, missing, said] of [
    ["its first record", 1, /damaged at 1: is missing: the log begins with 2/],
    ["a record in the middle", 3, /damaged at 5: ends the log, which holds 4 records only/],
  ] as const) {
    it.live(`the audit of the log finds that ${what} is missing`, () =>
      Effect.gen(function* () {
        const setup = Redacted.value((yield* freshNats).setup)
        const { js, jsm } = yield* open(setup, "test")
        // A stream that lets go of records, as the log's own never does.
        yield* Effect.promise(() => jsm.streams.add({ name: LOG_STREAM, subjects: ["crew.evt.>"] }))
        for (let n = 0; n < 5; n++) yield* Effect.promise(() => js.publish(`crew.evt.task.t${n}`, "{}"))
        yield* Effect.promise(() => jsm.streams.deleteMessage(LOG_STREAM, missing))
        const error = yield* Effect.flip(auditLog.pipe(Effect.provide(Layer.fresh(Nats.layer(setup)))))
        assert.match(error.message, said)
      }).pipe(Effect.scoped),
    )
  }
})
