import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { execFile } from "node:child_process"
import { makeCrew } from "../support/crew.ts"
import { ADMIN_TOKEN, type RunningNode, startNode } from "../support/node.ts"
import { Rest } from "../support/rest.ts"
import { searchPath, startNats, startPostgres, temporaryFolder } from "../support/servers.ts"

const WRITERS = 6

describe("kill -9 in the middle of writing", () => {
  it.live(
    "of nats-server, PostgreSQL and the program: what was answered is there, the log is sound, rebuilt equals live",
    () =>
      Effect.gen(function* () {
        const nats = yield* startNats()
        const database = yield* startPostgres()
        const place = { nats: nats.access, databaseUrl: database.url }
        let node: RunningNode = yield* startNode(place)
        yield* makeCrew(node, [])
        const acknowledged: Array<string> = []
        const stop = new AbortController()

        const write = async (writer: number) => {
          for (let n = 0; !stop.signal.aborted; n++) {
            const key = `${writer}-${n}`
            // The same key until it is answered: what is lost on the way must not be made twice.
            while (!stop.signal.aborted) {
              const answer = await new Rest(node.url, ADMIN_TOKEN)
                .call(
                  "POST",
                  "/tasks?project_slug=team-board",
                  { title: key },
                  { "idempotency-key": key, prefer: "respond-async" },
                )
                .catch(() => undefined)
              if (answer?.status !== 201) continue
              acknowledged.push(String(answer.body.id))
              break
            }
          }
        }
        const writing = Array.from({ length: WRITERS }, (_, writer) => write(writer))
        const more = (count: number) =>
          Effect.sync(() => acknowledged.length).pipe(
            Effect.flatMap((before) =>
              Effect.suspend(() =>
                acknowledged.length >= before + count ? Effect.void : Effect.fail("wait" as const),
              ).pipe(Effect.eventually),
            ),
          )

        for (let round = 0; round < 2; round++) {
          yield* more(30)
          yield* nats.kill
          yield* nats.start
          yield* more(30)
          yield* database.kill
          yield* database.start
          yield* more(30)
          yield* node.end("SIGKILL")
          node = yield* startNode(place)
        }
        yield* more(30)
        stop.abort()
        yield* Effect.promise(() => Promise.all(writing))

        const titles = new Map<string, string>()
        let path: string | undefined = "/tasks?limit=200"
        const admin = new Rest(node.url, ADMIN_TOKEN)
        const last = yield* admin.post("/tasks?project_slug=team-board", { title: "last" })
        while (path !== undefined) {
          const page: Effect.Success<ReturnType<Rest["get"]>> = yield* admin.get(path, {
            "crewlog-min-seq": String(last.seq),
          })
          assert.strictEqual(page.status, 200)
          for (const { id, title } of page.body as ReadonlyArray<{
            readonly id: string
            readonly title: string
          }>)
            titles.set(id, title)
          path = /<([^>]*)>/.exec(page.headers.get("link") ?? "")?.[1]?.replace(/^.*\/api\/v1/, "")
        }
        assert.deepStrictEqual(
          acknowledged.filter((id) => !titles.has(id)),
          [],
          "acknowledged, and lost",
        )
        assert.strictEqual(new Set(titles.values()).size, titles.size, "a key was carried out twice")

        const folder = yield* temporaryFolder
        for (const command of [
          ["verify", "--json"],
          ["rebuild", "--json"],
          ["verify", "--json"],
        ]) {
          const { code, out } = yield* crewlog([...command, "--data", folder], {
            NATS_URL: Redacted.value(nats.access.url),
            DATABASE_URL: database.url,
          })
          assert.strictEqual(code, 0, `crewlog ${command.join(" ")}: ${out}`)
        }
      }).pipe(Effect.scoped),
    120_000,
  )
})

const crewlog = (args: ReadonlyArray<string>, env: Record<string, string>) =>
  Effect.callback<{ readonly code: number; readonly out: string }>((resume) => {
    const child = execFile(
      process.execPath,
      ["src/cli/crewlog.ts", ...args],
      { env: { PATH: searchPath, ...env } },
      (_, out, err) => resume(Effect.succeed({ code: child.exitCode ?? -1, out: out + err })),
    )
  })
