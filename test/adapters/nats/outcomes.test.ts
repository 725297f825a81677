import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Redacted, Result, Schedule } from "effect"
import { randomUUID } from "node:crypto"
import { JetStreamApiError } from "@nats-io/jetstream"
import { layer as DigestLayer } from "../../../src/adapters/node/Digest.ts"
import { Nats, type NatsTarget, open } from "../../../src/adapters/nats/Connection.ts"
import { layer as NatsEventLog } from "../../../src/adapters/nats/EventLog.ts"
import { subjectName } from "../../../src/adapters/nats/records.ts"
import { LOG_STREAM, prepareStreams } from "../../../src/adapters/nats/streams.ts"
import { Dispatcher } from "../../../src/commands/dispatch.ts"
import { EventLog } from "../../../src/domain/EventLog.ts"
import { startCluster } from "../../support/cluster.ts"
import { createTask, envelope, FreeTask, FreshDispatcher, take } from "../../support/commands.ts"
import { FaultProxy } from "../../../chaos/FaultProxy.ts"
import { FreshLog, logOn } from "../../support/log.ts"
import { freshSubject, recordOf } from "../../support/records.ts"
import { freshNats, startNats } from "../../support/servers.ts"

// The table of outcomes of an append: each row made to happen on a real nats-server.

const proxied = Effect.gen(function* () {
  const access = yield* freshNats
  const { hostname, port } = new URL(Redacted.value(access.backend).url)
  const proxy = yield* Effect.acquireRelease(
    Effect.promise(() => FaultProxy.to({ host: hostname, port: Number(port) })),
    (one) => Effect.promise(() => one.close()),
  )
  const through = (target: NatsTarget) => ({ ...target, url: `nats://127.0.0.1:${proxy.port}` })
  const direct = Context.get(yield* Layer.build(logOn(access)), EventLog)
  return { access, proxy, Log: logOn(access, through), direct }
})

describe("the outcome of an append", () => {
  it.live("stored: the version is the sequence", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const subject = freshSubject()
      const { seq, duplicate } = yield* log.append({ subject, guard: 0, record: recordOf(0) })
      assert.isFalse(duplicate)
      assert.strictEqual((yield* log.head).last, seq)
    }).pipe(Effect.provide(FreshLog)),
  )

  it.live("duplicate: the same id while its guard still holds is the record that is there", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const { js } = yield* Nats
      const subject = freshSubject()
      const record = recordOf(0)
      // With its own id from another subject's record, the server answers without looking at the guard.
      const other = freshSubject()
      const first = yield* log.append({ subject: other, guard: 0, record })
      const answer = yield* Effect.promise(() =>
        js.publish(subjectName(other), JSON.stringify(record), {
          msgID: `${other.type}.${other.id}:${record.command}`,
          expect: { lastSubjectSequence: first.seq },
        }),
      )
      assert.deepInclude(answer, { duplicate: true, seq: first.seq })
      const again = yield* log.append({ subject: other, guard: first.seq, record })
      assert.deepStrictEqual(again, { seq: first.seq, duplicate: true })
      assert.isUndefined(yield* log.last(subject))
    }).pipe(Effect.provide(FreshLog)),
  )

  it.live("wrong guard: another writer was first", () =>
    Effect.gen(function* () {
      const log = yield* EventLog
      const subject = freshSubject()
      yield* log.append({ subject, guard: 0, record: recordOf(0) })
      const error = yield* Effect.flip(log.append({ subject, guard: 0, record: recordOf(0) }))
      assert.strictEqual(error._tag, "WrongGuard")
    }).pipe(Effect.provide(FreshLog)),
  )

  for (const commandId of ["bob:take", ":generated"]) {
    it.live(`lost acknowledgement: our own record is recognised, stored once (${commandId})`, () =>
      Effect.gen(function* () {
        const { direct: log, Log, proxy } = yield* proxied
        const id = randomUUID()
        yield* Effect.gen(function* () {
          const dispatcher = yield* Dispatcher
          yield* dispatcher.dispatch(FreeTask, id, createTask(id), envelope("ada:create"))
          proxy.mode = "swallowAnswers"
          const taking = yield* Effect.forkChild(
            dispatcher.dispatch(FreeTask, id, take("bob"), envelope(commandId)),
          )
          yield* log
            .last({ type: "task", id })
            .pipe(Effect.repeat({ until: (record) => record?.record.command === commandId }))
          proxy.mode = "pass"
          proxy.cut()
          const outcome = yield* Fiber.join(taking)
          assert.strictEqual(outcome.seq, 2)
          assert.strictEqual(outcome.state._tag === "Open" && outcome.state.assignee_slug, "bob")
        }).pipe(Effect.provide(FreshDispatcher.pipe(Layer.provide([Log, DigestLayer]))))
        assert.strictEqual((yield* log.head).last, 2)
      }).pipe(Effect.scoped),
    )
  }

  it.live("time-out with nothing stored: sent again until it is known", () =>
    Effect.gen(function* () {
      const { direct, Log, proxy } = yield* proxied
      yield* Effect.gen(function* () {
        const log = yield* EventLog
        const subject = freshSubject()
        proxy.mode = "blackhole"
        const appending = yield* Effect.forkChild(log.append({ subject, guard: 0, record: recordOf(0) }))
        const before = yield* direct.head
        proxy.cut()
        proxy.mode = "pass"
        const { seq } = yield* Fiber.join(appending)
        assert.strictEqual(seq, before.last + 1)
      }).pipe(Effect.provide(Log))
    }).pipe(Effect.scoped),
  )

  it.live("server away: refused after a moment, with nothing sent; accepted again when it is back", () =>
    Effect.gen(function* () {
      const server = yield* startNats()
      yield* Effect.gen(function* () {
        const log = yield* EventLog
        const { isUp } = yield* Nats
        const subject = freshSubject()
        const { seq } = yield* log.append({ subject, guard: 0, record: recordOf(0) })
        yield* server.kill
        // Until the client knows it, what it sends is on its way to nowhere: another row of the table.
        yield* Effect.sync(isUp).pipe(
          Effect.repeat({ schedule: Schedule.spaced("5 millis"), until: (up) => !up }),
        )
        const error = yield* Effect.flip(log.append({ subject, guard: seq, record: recordOf(seq) }))
        assert.strictEqual(error._tag, "LogUnavailable")
        yield* server.start
        const next = yield* log.append({ subject, guard: seq, record: recordOf(seq) })
        assert.strictEqual(next.seq, seq + 1)
      }).pipe(Effect.provide(logOn(server.access)))
    }).pipe(Effect.scoped),
  )

  it.live("in-flight conflict: with three replicas a second writer meets the first on its way", () =>
    Effect.gen(function* () {
      const target = yield* startCluster
      const Log = NatsEventLog.pipe(
        Layer.provideMerge(Nats.layer(target)),
        Layer.provide(Layer.effectDiscard(prepareStreams(target, 3))),
      )
      yield* Effect.gen(function* () {
        const log = yield* EventLog
        const { js } = yield* Nats
        const writers = Array.from({ length: 64 })
        const publish = (subject: string) =>
          Effect.promise(() =>
            js
              .publish(subject, JSON.stringify(recordOf(0)), { expect: { lastSubjectSequence: 0 } })
              .then(() => 0)
              .catch((error: unknown) => (error instanceof JetStreamApiError ? error.code : -1)),
          )
        // A busy machine may bring them one by one: then the first is not on its way any more.
        const race = Effect.suspend(() => {
          const raced = subjectName(freshSubject())
          return Effect.forEach(writers, () => publish(raced), { concurrency: "unbounded" })
        })
        const met = yield* race.pipe(Effect.repeat({ until: (codes) => codes.includes(10164), times: 100 }))
        assert.include(met, 10164, "the server never said that a write was in flight")

        const subject = freshSubject()
        const outcomes = yield* Effect.forEach(
          writers,
          () => Effect.result(log.append({ subject, guard: 0, record: recordOf(0) })),
          { concurrency: "unbounded" },
        )
        assert.strictEqual(outcomes.filter(({ _tag }) => _tag === "Success").length, 1)
        for (const one of outcomes)
          if (one._tag === "Failure") assert.strictEqual(one.failure._tag, "WrongGuard")
      }).pipe(Effect.provide(Log))
    }).pipe(Effect.scoped),
  )

  it.live("no room: refused at once, nothing stored, accepted again when there is room", () =>
    Effect.gen(function* () {
      const access = yield* freshNats
      yield* Effect.gen(function* () {
        const log = yield* EventLog
        const setup = yield* open(Redacted.value(access.setup), "operator")
        const limit = (max_bytes: number) =>
          Effect.promise(() => setup.jsm.streams.update(LOG_STREAM, { max_bytes }))
        const subject = freshSubject()
        const { seq } = yield* log.append({ subject, guard: 0, record: recordOf(0) })
        yield* limit(600)
        const error = yield* Effect.flip(log.append({ subject, guard: seq, record: recordOf(seq) }))
        assert.strictEqual(error._tag, "LogFull")
        yield* limit(-1)
        assert.strictEqual((yield* log.append({ subject, guard: seq, record: recordOf(seq) })).seq, seq + 1)
      }).pipe(Effect.provide(logOn(access)))
    }).pipe(Effect.scoped),
  )

  for (const isStored of [true, false]) {
    it.live(
      `no room after a lost acknowledgement: ${isStored ? "the record is" : "no record is"} there`,
      () =>
        Effect.gen(function* () {
          const { access, direct, Log, proxy } = yield* proxied
          yield* Effect.gen(function* () {
            const log = yield* EventLog
            const setup = yield* open(Redacted.value(access.setup), "operator")
            const subject = freshSubject()
            const { seq } = yield* log.append({ subject, guard: 0, record: recordOf(0) })
            proxy.mode = isStored ? "swallowAnswers" : "blackhole"
            const appending = yield* Effect.forkChild(
              Effect.result(log.append({ subject, guard: seq, record: recordOf(seq) })),
              { startImmediately: true },
            )
            if (isStored) {
              yield* direct.last(subject).pipe(Effect.repeat({ until: (newest) => newest?.seq === seq + 1 }))
            }
            yield* Effect.promise(() => setup.jsm.streams.update(LOG_STREAM, { max_bytes: 600 }))
            proxy.cut()
            proxy.mode = "pass"
            const outcome = yield* Fiber.join(appending)
            const told = Result.isSuccess(outcome) ? "Stored" : outcome.failure._tag
            if (isStored) assert.include(["Stored", "WrongGuard"], told)
            else assert.strictEqual(told, "LogFull")
            assert.strictEqual((yield* direct.head).last, isStored ? seq + 1 : seq)
          }).pipe(Effect.provide(Log))
        }).pipe(Effect.scoped),
    )
  }

  it.live("nobody at run time may change, purge or delete the log", () =>
    Effect.gen(function* () {
      const { jsm } = yield* Nats
      const log = yield* EventLog
      const { seq } = yield* log.append({ subject: freshSubject(), guard: 0, record: recordOf(0) })
      const attempts: ReadonlyArray<() => Promise<unknown>> = [
        () => jsm.streams.delete(LOG_STREAM),
        () => jsm.streams.purge(LOG_STREAM),
        () => jsm.streams.deleteMessage(LOG_STREAM, seq),
        () => jsm.streams.update(LOG_STREAM, { max_msgs: 1 }),
      ]
      for (const attempt of attempts) {
        const exit = yield* Effect.exit(Effect.tryPromise(attempt))
        assert.strictEqual(exit._tag, "Failure")
      }
      assert.strictEqual((yield* log.head).last, seq)
    }).pipe(Effect.provide(FreshLog)),
  )
})
