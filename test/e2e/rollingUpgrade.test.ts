import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { execFile } from "node:child_process"
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import type { Verification } from "../../src/cli/verify/verification.ts"
import { clientOf, until } from "../adapters/postgres/schemas.ts"
import { deployed } from "../cli/board.ts"
import { crewlog } from "../cli/crewlog.ts"
import { parse } from "../adapters/telemetry/prometheus.ts"
import { adminOf, makeCrew } from "../support/crew.ts"
import { newerProgram } from "../support/newerProgram.ts"
import { type RunningNode, startNode } from "../support/node.ts"
import { rawLog } from "../support/rawLog.ts"
import { freshDatabase, freshNats, searchPath, temporaryFolder } from "../support/servers.ts"

interface Check {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
}

const readiness = (node: RunningNode) =>
  Effect.promise(async () => {
    const answer = await fetch(`${node.url}/readyz?verbose`)
    const { checks = [] } = (await answer.json()) as { checks?: ReadonlyArray<Check> }
    return {
      status: answer.status,
      detail: checks.find(({ name }) => name === "parked records")?.detail ?? "",
    }
  })

const gauge = (node: RunningNode, name: string) =>
  Effect.promise(async () => {
    const text = await (await fetch(`${node.metrics}/metrics`)).text()
    return parse(text).find((sample) => sample.name === name)?.value
  })

const verifiedBy = (program: string, env: Readonly<Record<string, string>>) =>
  Effect.promise(
    () =>
      new Promise<Verification>((resolve, reject) =>
        execFile(
          process.execPath,
          ["src/cli/crewlog.ts", "verify", "--json"],
          { cwd: program, env: { PATH: searchPath, ...env } },
          (_error, out, err) => (out === "" ? reject(new Error(err)) : resolve(JSON.parse(out))),
        ),
      ),
  )

describe("a rolling upgrade", () => {
  it.live(
    "a rolling upgrade goes on while an older node leads: what only the newer one knows is parked, told, and projected once it leads",
    () =>
      Effect.gen(function* () {
        const place = { nats: yield* freshNats, databaseUrl: yield* freshDatabase }
        const env = {
          NATS_URL: Redacted.value(place.nats.url),
          DATABASE_URL: place.databaseUrl,
          CREWLOG_ENCRYPTION_KEY: "ab".repeat(32),
        }
        const older = yield* startNode(place)
        const { admin } = yield* makeCrew(older, [])
        const task = (yield* admin.post("/tasks?project_slug=team-board", { title: "as it was" })).body
        const other = (yield* admin.post("/tasks?project_slug=team-board", { title: "another" })).body

        const program = yield* newerProgram
        const newer = yield* startNode(place, { program })
        const log = yield* rawLog(place.nats)
        const sprint = `sprint.${randomUUID()}`
        const opened = yield* log.append(sprint, [{ _tag: "SprintOpened", v: 1, name: "First" }])
        const pinned = yield* log.append(`task.${task.id}`, [{ _tag: "TaskPinned", v: 1, title: "pinned" }])

        // The older node serves all else, and says what it can't.
        const told = yield* until(readiness(older), ({ detail }) => detail.includes(`${pinned} task.`))
        assert.strictEqual(told.status, 200)
        assert.strictEqual(
          told.detail,
          `2: ${opened} ${sprint} (a newer program wrote it (an aggregate of type sprint)), ` +
            `${pinned} task.${task.id} (a newer program wrote it (TaskPinned v1))`,
        )
        yield* until(gauge(older, "crewlog_parked_records"), (count) => count === 2)
        assert.include(
          older.output(),
          `${pinned} (task.${task.id}: a newer program wrote it (TaskPinned v1))`,
        )
        const refused = yield* admin.post(`/tasks/${task.id}/take?slug=admin`)
        assert.deepStrictEqual([refused.status, refused.body.code], [503, "newer_record"])
        assert.strictEqual((yield* admin.post(`/tasks/${other.id}/take?slug=admin`)).status, 200)
        assert.strictEqual((yield* admin.get(`/tasks/${task.id}`)).body.title, "as it was")

        // The newer one decides on what it knows; the record waits behind the one before.
        const taken = yield* adminOf(newer).post(`/tasks/${task.id}/take?slug=admin`)
        assert.deepStrictEqual([taken.status, taken.body.title], [200, "pinned"])
        yield* until(readiness(older), ({ detail }) => detail.includes(`${taken.seq} task.`))

        const verified = yield* verifiedBy(".", env)
        assert.deepStrictEqual([verified.ok, verified.set_aside?.count], [true, 3], JSON.stringify(verified))
        const folder = join(yield* temporaryFolder, "export")
        assert.strictEqual((yield* crewlog(["log", "export", folder], env)).code, 0)
        const elsewhere = yield* deployed([])
        const imported = yield* crewlog(["log", "import", folder], elsewhere.env)
        assert.deepStrictEqual([imported.code, imported.err], [0, ""])
        const there = JSON.parse((yield* crewlog(["verify", "--log-only", "--json"], elsewhere.env)).out)
        assert.deepStrictEqual([there.ok, there.set_aside], [true, verified.set_aside])

        yield* older.end("SIGTERM")
        const upgraded = adminOf(newer)
        const shown = yield* until(
          upgraded.get(`/tasks/${task.id}`),
          ({ body, status }) => status === 200 && body.title === "pinned",
        )
        assert.strictEqual(shown.body.assignee_slug, "admin")
        yield* until(readiness(newer), ({ detail, status }) => status === 200 && detail === "")
        const sql = yield* clientOf({ url: Redacted.make(place.databaseUrl), schema: "crewlog" })
        const rows = yield* Effect.promise(
          () =>
            sql<
              Array<{ event: string }>
            >`select event from history where seq in (${opened}, ${pinned}) order by seq`,
        )
        assert.deepStrictEqual(
          rows.map(({ event }) => event),
          ["SprintOpened", "TaskPinned"],
        )
        const now = yield* verifiedBy(program, env)
        assert.deepStrictEqual([now.ok, now.set_aside], [true, undefined], JSON.stringify(now))
      }).pipe(Effect.scoped),
    120_000,
  )
})
