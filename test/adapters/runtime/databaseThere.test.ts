import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { Database } from "../../../src/adapters/postgres/Database.ts"
import { databaseThere } from "../../../src/adapters/runtime/databaseThere.ts"
import { Servers } from "../../../src/adapters/runtime/Servers.ts"
import { ReadModelUnavailable } from "../../../src/projections/ReadModel.ts"

const target = Redacted.make({ url: "nats://127.0.0.1:4222" })
const url = Redacted.make("postgres://me:secret@db.example:5432/crew?sslmode=require")

const asked = (embedded: boolean) =>
  databaseThere.pipe(
    Effect.provideService(Servers, {
      nats: { setup: target, backend: target, url: Redacted.make("nats://127.0.0.1:4222") },
      databaseUrl: url,
      embedded: { nats: false, postgres: embedded },
    }),
    Effect.provideService(Database, {
      url,
      schema: "crewlog",
      ask: () => Effect.fail(new ReadModelUnavailable({ reason: "connection refused" })),
    }),
  )

describe("a start without its database", () => {
  it.effect("a start whose DATABASE_URL answers nothing ends after 30 seconds, and names the setting", () =>
    Effect.gen(function* () {
      const start = yield* Effect.forkChild(Effect.exit(asked(false)))
      yield* TestClock.adjust("29 seconds")
      assert.isUndefined(start.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      const exit = yield* Fiber.join(start)
      assert.isTrue(Exit.isFailure(exit))
      const told = String(Exit.isFailure(exit) ? exit.cause : "")
      assert.include(told, "DATABASE_URL names db.example:5432/crew")
      assert.include(told, "connection refused")
      assert.notInclude(told, "secret")
    }),
  )

  it.effect("a start on an embedded database asks nothing", () => asked(true))
})
