import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { join } from "node:path"
import { until } from "../adapters/postgres/schemas.ts"
import { parse } from "../adapters/telemetry/prometheus.ts"
import { deployed } from "../cli/board.ts"
import { spawned } from "../cli/crewlog.ts"
import { adminOf, makeCrew } from "../support/crew.ts"
import { type RunningNode, startNode } from "../support/node.ts"
import { rawLog } from "../support/rawLog.ts"
import { recordOf } from "../support/records.ts"
import { freshDatabase, freshNats, temporaryFolder } from "../support/servers.ts"

const stray = (node: RunningNode) =>
  Effect.promise(async () => {
    const answer = await fetch(`${node.url}/readyz?verbose`)
    const { checks = [] } = (await answer.json()) as {
      checks?: ReadonlyArray<{ readonly name: string; readonly detail: string }>
    }
    return { status: answer.status, detail: checks.find(({ name }) => name === "stray messages")?.detail }
  })

const strayGauge = (node: RunningNode) =>
  Effect.promise(async () => {
    const text = await (await fetch(`${node.metrics}/metrics`)).text()
    return parse(text).find(({ name }) => name === "crewlog_stray_messages")?.value
  })

describe("messages on the log that are no records", () => {
  it.live(
    "messages on the log that are no records are told and stepped over, also at the end of the log and after a restart; export and import keep their places",
    () =>
      Effect.gen(function* () {
        const place = { nats: yield* freshNats, databaseUrl: yield* freshDatabase }
        const env = {
          NATS_URL: Redacted.value(place.nats.url),
          DATABASE_URL: place.databaseUrl,
          CREWLOG_ENCRYPTION_KEY: "ab".repeat(32),
        }
        const first = yield* startNode(place)
        const { admin } = yield* makeCrew(first, [])
        const { id } = (yield* admin.post("/tasks?project_slug=team-board", { title: "in the way" })).body
        const log = yield* rawLog(place.nats)
        const text = yield* log.publish(`crew.evt.task.${id}`, "hello?", { Source: "elsewhere" })
        const bytes = yield* log.publish(`crew.evt.task.${id}`, Uint8Array.of(0, 255, 10))
        const last = yield* log.publish("crew.evt.elsewhere", JSON.stringify(recordOf(0)))
        const said =
          `3: ${text} crew.evt.task.${id} (is no record: it is not JSON), ` +
          `${bytes} crew.evt.task.${id} (is no record: it is not JSON), ` +
          `${last} crew.evt.elsewhere (is no record: its subject is no aggregate's)`
        const told = yield* until(stray(first), ({ detail }) => detail?.startsWith("3:") === true)
        assert.deepStrictEqual(told, { status: 200, detail: said })
        yield* until(strayGauge(first), (count) => count === 3)
        assert.include(first.output(), `message ${last} on crew.evt.elsewhere is set aside`)

        yield* first.end("SIGKILL")
        const second = yield* startNode(place)
        assert.deepStrictEqual(yield* stray(second), { status: 200, detail: said })
        const taken = yield* adminOf(second).post(`/tasks/${id}/take?slug=admin`)
        assert.deepStrictEqual([taken.status, taken.body.assignee_slug], [200, "admin"])
        const shown = yield* adminOf(second).get(`/log?after=${text - 1}&limit=10`)
        assert.isTrue((shown.body as ReadonlyArray<{ seq: number }>).every(({ seq }) => seq > last))
        assert.include(
          (shown.body as ReadonlyArray<{ seq: number }>).map(({ seq }) => seq),
          taken.seq,
        )
        yield* second.end("SIGTERM")

        const verified = JSON.parse((yield* spawned(["verify", "--json"], env)).out)
        assert.deepStrictEqual([verified.ok, verified.set_aside.count], [true, 3], JSON.stringify(verified))
        assert.include((yield* spawned(["verify"], env)).out, `${bytes} crew.evt.task.${id}: is no record`)
        const rebuilt = JSON.parse((yield* spawned(["rebuild", "--json"], env)).out)
        assert.isNotEmpty(rebuilt.tables)
        assert.isTrue((rebuilt.tables as ReadonlyArray<{ same: boolean }>).every(({ same }) => same))

        const folder = join(yield* temporaryFolder, "export")
        assert.strictEqual((yield* spawned(["log", "export", folder], env)).code, 0)
        const elsewhere = yield* deployed([])
        const imported = yield* spawned(["log", "import", folder], elsewhere.env)
        assert.deepStrictEqual([imported.code, imported.err], [0, ""])
        const resumed = yield* spawned(["log", "import", folder, "--resume", "--json"], elsewhere.env)
        assert.strictEqual(JSON.parse(resumed.out).imported, 0)
        for (const seq of [text, bytes, last, taken.seq]) {
          const [here, there] = [
            yield* spawned(["log", "show", String(seq), "--json"], env),
            yield* spawned(["log", "show", String(seq), "--json"], elsewhere.env),
          ]
          assert.deepStrictEqual([there.code, there.out], [0, here.out])
        }
        const there = JSON.parse((yield* spawned(["verify", "--log-only", "--json"], elsewhere.env)).out)
        assert.deepStrictEqual([there.ok, there.set_aside], [true, verified.set_aside])
      }).pipe(Effect.scoped),
    120_000,
  )

  it.live("messages on the log that are no records end the node when they were records once", () =>
    Effect.gen(function* () {
      const place = { nats: yield* freshNats, databaseUrl: yield* freshDatabase }
      const node = yield* startNode(place)
      const log = yield* rawLog(place.nats)
      const seq = yield* log.publish("crew.evt.task.one", "half a rec", { "Crew-Command": "ada:x" })
      // A signal that changes nothing: it ends by itself.
      assert.strictEqual(yield* node.end("SIGCONT"), 1)
      assert.include(node.output(), `the log is damaged at ${seq}`)
    }).pipe(Effect.scoped),
  )
})
