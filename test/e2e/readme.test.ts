import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { prepareStreams } from "../../src/adapters/nats/streams.ts"
import { freshPlace, PROVIDER_KEY, startGateway, startProvider } from "../support/gateway.ts"
import { ADMIN_TOKEN, startNode } from "../support/node.ts"
import { searchPath, temporaryFolder } from "../support/servers.ts"

const root = resolve(import.meta.dirname, "../..")

/** The commands of one part of the README, as a reader would type them. */
const commandsOf = (heading: string) => {
  const [, part = ""] = readFileSync(resolve(root, "README.md"), "utf8").split(`\n## ${heading}\n`)
  const [text = ""] = part.split("\n## ")
  return [...text.matchAll(/```sh\n(.*?)```/gs)].map(([, commands]) => commands).join("\n")
}

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
    "the README shows five minutes that work as they stand",
    () =>
      Effect.gen(function* () {
        const node = yield* startNode(yield* freshPlace)
        const folder = yield* temporaryFolder
        const script = `ln -s ${root}/docs docs; ln -s ${root}/node_modules node_modules; trap 'kill $(jobs -p)' EXIT\n${commandsOf("Five minutes")}`
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

  it.live(
    "the README shows how to ask models through the gateway, and what that costs",
    () =>
      Effect.gen(function* () {
        const provider = yield* startProvider
        const node = yield* startGateway(yield* freshPlace, [provider])
        const folder = yield* temporaryFolder
        const env = {
          PATH: searchPath,
          U: node.url,
          G: node.gateway,
          ADMIN: ADMIN_TOKEN,
          PROVIDER: provider.url,
          OPENAI_API_KEY: PROVIDER_KEY,
          NEW_API_KEY: "sk-provider-of-another-time",
        }
        const script = `ln -s ${root}/node_modules node_modules\n${commandsOf("The provider gateway")}`
        const lines = (yield* run(script, folder, env)).trim().split("\n")
        const [registered, said, task, members, allowance, rotated] = lines
        assert.include(registered, '"status":"healthy"')
        assert.strictEqual(said, "Hello there")
        const [spent] = JSON.parse(task ?? "") as ReadonlyArray<object>
        assert.include(spent, { task: "TE-1", model: "small", requests: 1, total_tokens: 25 })
        // 12 tokens in, 8 from the provider's cache, 5 out.
        assert.strictEqual(JSON.parse(members ?? "")[0].cost_usd, (12 * 250 + 8 * 25 + 5 * 2_000) / 1e9)
        assert.include(allowance, '"usd_per_day":5')
        assert.include(rotated, '"api_key":"sk-pro****time"')
        assert.strictEqual(
          provider.received.find(({ method }) => method === "POST")?.json?.["model"],
          "gpt-5-mini",
        )
      }).pipe(Effect.scoped),
    60_000,
  )

  it.live(
    "the README shows two nodes side by side on one machine",
    () =>
      Effect.gen(function* () {
        const { databaseUrl, nats } = yield* freshPlace
        yield* prepareStreams(Redacted.value(nats.setup))
        const folder = yield* temporaryFolder
        const pidOf = (data: string) =>
          (JSON.parse(readFileSync(join(folder, data, "runtime.json"), "utf8")) as { readonly pid: number })
            .pid
        const env = {
          PATH: searchPath,
          NATS_URL: Redacted.value(nats.url),
          DATABASE_URL: databaseUrl,
          CREWLOG_PORT: "0",
          CREWLOG_GATEWAY_PORT: "0",
          CREWLOG_METRICS_PORT: "0",
        }
        const links = ["package.json", "node_modules", "src"].map((name) => `ln -s ${root}/${name} ${name}`)
        // Nodes outlive the script, and must not keep its output open.
        const script = [...links, "exec >told.log 2>&1", commandsOf("On servers of your own")]
        yield* run(script.join("\n"), folder, env)
        const output = readFileSync(join(folder, "told.log"), "utf8")
        const pids = [".crewlog", ".crewlog-2"].map(pidOf)
        for (const pid of pids) process.kill(pid, "SIGKILL")
        assert.notStrictEqual(pids[0], pids[1])
        assert.deepStrictEqual(
          output.split("\n").filter((line) => line.startsWith('{"status"')),
          ['{"status":"ready"}', '{"status":"ready"}'],
        )
      }).pipe(Effect.scoped),
    90_000,
  )
})
