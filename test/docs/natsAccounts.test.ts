import { assert, describe, it } from "@effect/vitest"
import { createAccount } from "@nats-io/nkeys"
import { Effect, Redacted } from "effect"
import { spawn } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { freePort } from "../../src/adapters/runtime/FreePort.ts"
import { natsAccount, natsConfig } from "../../src/adapters/runtime/natsConfig.ts"
import { natsProgram, toolsFolder } from "../../src/adapters/runtime/natsProgram.ts"
import { agentOn, command, until } from "../support/agents.ts"
import { makeCrew } from "../support/crew.ts"
import { startNode } from "../support/node.ts"
import { freshDatabase, searchPath, temporaryFolder } from "../support/servers.ts"

const runbook = readFileSync("docs/runbooks/nats-accounts.md", "utf8")
const [, example = ""] = /```conf\n([\s\S]*?)```/.exec(runbook) ?? []

const replaced = (text: string, all: Readonly<Record<string, string>>) =>
  Object.entries(all).reduce((left, [old, next]) => {
    assert.include(left, old)
    return left.replaceAll(old, next)
  }, text)

/** A nats-server with the runbook's very configuration; only paths, port and secrets are our own. */
const exampleServer = Effect.gen(function* () {
  const folder = yield* temporaryFolder
  const port = yield* freePort
  const key = createAccount()
  const config = join(folder, "server.conf")
  const secrets = {
    "127.0.0.1:4222": `127.0.0.1:${port}`,
    "/var/lib/nats": join(folder, "streams"),
    SETUP_PASSWORD: "s1",
    CREWLOG_PASSWORD: "s2",
    OPERATOR_PASSWORD: "s3",
    ISSUER: key.getPublicKey(),
  }
  writeFileSync(config, replaced(example, secrets))
  const program = yield* natsProgram([toolsFolder, searchPath])
  let said = ""
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const server = spawn(program, ["-c", config], { stdio: ["ignore", "ignore", "pipe"] })
      server.stderr.on("data", (text) => (said += String(text)))
      return server
    }),
    (server) => Effect.sync(() => server.kill("SIGKILL")),
  )
  yield* until("the server is ready", () => said.includes("Server is ready"))
  const url = `nats://127.0.0.1:${port}`
  const login = (user: string, pass: string) => Redacted.make({ url, user, pass })
  return {
    nats: {
      setup: login("crewlog-setup", "s1"),
      backend: login("crewlog", "s2"),
      url: Redacted.make(`nats://crewlog:s2@127.0.0.1:${port}`),
    },
    seed: new TextDecoder().decode(key.getSeed()),
  }
})

const deniedIn = (config: string) => new Set(config.match(/\$JS\.API\.STREAM\.[A-Z.]+\.\w+/g))

describe("the configuration in docs/runbooks/nats-accounts.md", () => {
  it("denies what Crewlog's own nats-server denies", () => {
    const ours = deniedIn(natsConfig(4222, "/var/lib/nats", [natsAccount("CREW")]))
    assert.isAbove(ours.size, 20)
    assert.deepStrictEqual(deniedIn(example), ours)
  })

  it.live("the configuration lets agents in, gives them their rights, and has them cut off", () =>
    Effect.gen(function* () {
      const { nats, seed } = yield* exampleServer
      const place = { nats, databaseUrl: yield* freshDatabase }
      const node = yield* startNode(place, { env: { CREWLOG_NATS_ISSUER: seed } })
      const { admin, tokens } = yield* makeCrew(node, ["al"])
      assert.notInclude(node.output(), "can't be cut")
      assert.notInclude(node.output(), "does not say whether it writes through")
      yield* until("the login is tried", () =>
        node.output().includes("an agent's login was tried, and it works"),
      )
      const al = yield* agentOn(nats, "al", tokens[0]!)
      const made = yield* command(al, "crew.cmd.al.task.create", { project_slug: "team-board", title: "x" })
      assert.strictEqual(made.body.key, "TE-1")
      assert.strictEqual((yield* command(al, "$SRV.PING", "")).body.name, "crewlog")
      yield* admin.post("/members/al/token")
      yield* until("cut off", () => al.isClosed())
    }),
  )

  it.live("an issuer that is another than ours is told", () =>
    Effect.gen(function* () {
      const { nats } = yield* exampleServer
      const place = { nats, databaseUrl: yield* freshDatabase }
      const seed = new TextDecoder().decode(createAccount().getSeed())
      const node = yield* startNode(place, { env: { CREWLOG_NATS_ISSUER: seed } })
      yield* until("the login is tried", () =>
        /login was tried, and it does not work: .*issuer/i.test(node.output()),
      )
    }),
  )
})
