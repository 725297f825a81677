import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { ADMIN_TOKEN, startNode } from "../support/node.ts"
import { freshDatabase, freshNats, searchPath, temporaryFolder } from "../support/servers.ts"

const root = resolve(import.meta.dirname, "../..")

/** The commands of the README's five minutes, as a reader would type them. */
const fiveMinutes = [...readFileSync(resolve(root, "README.md"), "utf8").matchAll(/```sh\n(.*?)```/gs)]
  .map(([, commands]) => commands)
  .join("\n")

const run = (script: string, folder: string, env: Record<string, string>) =>
  Effect.callback<string>((resume) => {
    execFile("bash", ["-euc", script], { cwd: folder, env }, (error, stdout, stderr) =>
      resume(
        error === null
          ? Effect.succeed(stdout)
          : Effect.die(new Error(`${error.message}\n${stdout}\n${stderr}`)),
      ),
    )
  })

describe("the README", () => {
  it.live(
    "shows five minutes that work as they stand",
    () =>
      Effect.gen(function* () {
        const node = yield* startNode({ nats: yield* freshNats, databaseUrl: yield* freshDatabase })
        const folder = yield* temporaryFolder
        const script = `ln -s ${root}/docs docs; ln -s ${root}/node_modules node_modules; trap 'kill $(jobs -p)' EXIT\n${fiveMinutes}`
        const output = yield* run(script, folder, { PATH: searchPath, U: node.url, ADMIN: ADMIN_TOKEN })
        const lines = output.trim().split("\n")
        const [first, second] = lines.filter((line) => line.includes('"title":"Fix login bug"'))
        assert.strictEqual(first, second)
        assert.include(output, '"code":"task_already_taken"')
        assert.include(output, '"holder":"ada"')
        for (const type of ["auth.ok", "task.created", "task.assigned", "task.updated", "message.new"]) {
          assert.include(output, `{"type":"${type}"`)
        }
        const history = JSON.parse(lines.at(-1) ?? "") as ReadonlyArray<{ readonly event: string }>
        assert.deepStrictEqual(
          history.map(({ event }) => event),
          ["TaskCreated", "TaskTaken", "TaskMoved", "TaskMoved"],
        )
      }).pipe(Effect.scoped),
    60_000,
  )
})
