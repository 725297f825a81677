import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { open } from "../../../src/adapters/nats/Connection.ts"
import {
  LOG_STREAM,
  prepareStreams,
  SECRETS_STREAM,
  SIGNALS_STREAM,
} from "../../../src/adapters/nats/streams.ts"
import { freshNats } from "../../support/servers.ts"

describe("the streams", () => {
  it.live(
    "the streams are made where missing, as architecture.md wants them, and found right at the next start",
    () =>
      Effect.gen(function* () {
        const setup = Redacted.value((yield* freshNats).setup)
        yield* prepareStreams(setup)
        yield* prepareStreams(setup)
        const { jsm } = yield* open(setup, "test")
        const { config } = yield* Effect.promise(() => jsm.streams.info(LOG_STREAM))
        assert.deepInclude(config, {
          subjects: ["crew.evt.>"],
          storage: "file",
          discard: "new",
          deny_delete: true,
          deny_purge: true,
          allow_direct: true,
          allow_atomic: true,
          compression: "s2",
          max_msg_size: 256 * 1024,
        })
        const signals = yield* Effect.promise(() => jsm.streams.info(SIGNALS_STREAM))
        assert.deepInclude(signals.config, { subjects: ["crew.sig.>"], persist_mode: "async" })
        const secrets = yield* Effect.promise(() => jsm.streams.info(SECRETS_STREAM))
        assert.deepInclude(secrets.config, {
          name: "KV_crew_secrets",
          subjects: ["$KV.crew_secrets.>"],
          storage: "file",
          max_msgs_per_subject: 8,
          deny_purge: true,
          allow_rollup_hdrs: false,
        })
      }).pipe(Effect.scoped),
  )

  it.live("the streams are refused with the difference when somebody changed one", () =>
    Effect.gen(function* () {
      const setup = Redacted.value((yield* freshNats).setup)
      yield* prepareStreams(setup)
      const { jsm } = yield* open(setup, "test")
      yield* Effect.promise(() =>
        jsm.streams.update(LOG_STREAM, { max_msgs: 10, subjects: ["crew.evt.>", "mine.>"] }),
      )
      const refusal = yield* Effect.flip(prepareStreams(setup))
      assert.include(refusal.message, "stream CREW is not as it must be")
      assert.include(refusal.message, "max_msgs is 10, should be -1")
      assert.include(refusal.message, 'subjects is ["crew.evt.>","mine.>"], should be ["crew.evt.>"]')
    }).pipe(Effect.scoped),
  )

  it.live("the streams are refused when they have fewer replicas than the setting says", () =>
    Effect.gen(function* () {
      const setup = Redacted.value((yield* freshNats).setup)
      yield* prepareStreams(setup)
      const refusal = yield* Effect.flip(prepareStreams(setup, 3))
      assert.include(refusal.message, "stream CREW has 1 of the 3 replicas that CREWLOG_REPLICAS says")
    }).pipe(Effect.scoped),
  )

  it.live("the streams are refused when they would forget", () =>
    Effect.gen(function* () {
      const setup = Redacted.value((yield* freshNats).setup)
      const { jsm } = yield* open(setup, "test")
      yield* Effect.promise(() =>
        jsm.streams.add({ name: LOG_STREAM, subjects: ["crew.evt.>"], max_age: 60_000_000_000 }),
      )
      const refusal = yield* Effect.flip(prepareStreams(setup))
      assert.include(refusal.message, "max_age is 60000000000, should be 0")
      assert.include(refusal.message, "deny_delete is false, should be true")
    }).pipe(Effect.scoped),
  )
})
