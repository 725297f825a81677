import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, type Scope } from "effect"
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { prepareStreams } from "../../src/adapters/nats/streams.ts"
import { sealingKeysIn } from "../../src/adapters/runtime/KeyFile.ts"
import { filesWith } from "../support/disk.ts"
import { hexOf, sealingKey, vaultOn } from "../support/keys.ts"
import { Rest } from "../support/rest.ts"
import { freshNats, temporaryFolder } from "../support/servers.ts"
import { type Answer, crewlog, type Environment, start } from "./crewlog.ts"

const PATIENCE = 90_000
const [A, B] = ["bkd_aaaaaaaaaaaa", "bkd_bbbbbbbbbbbb"]
const CANARY = "sk-canary-0c4e"
const key = (name: string) => Redacted.make(`${CANARY}-${name}`)

const test = <E>(title: string, effect: Effect.Effect<void, E, Scope.Scope>, patience?: number) =>
  it.live(title, () => Effect.scoped(effect), patience)

/** A bucket on the shared server, and the command line of an operator whose nodes have these sealing keys. */
const bucket = Effect.gen(function* () {
  const access = yield* freshNats
  yield* prepareStreams(Redacted.value(access.setup))
  const vault = (first: string, ...others: ReadonlyArray<string>) =>
    vaultOn(Redacted.value(access.backend), [sealingKey(first), ...others.map(sealingKey)])
  const env = (...ids: ReadonlyArray<string>): Environment => ({
    NATS_URL: Redacted.value(access.url),
    CREWLOG_ENCRYPTION_KEY: ids.map((id) => `${id}:${hexOf(id)}`).join(","),
  })
  const keys = (ids: ReadonlyArray<string>, ...args: ReadonlyArray<string>) =>
    Effect.tap(crewlog(["keys", ...args], env(...ids)), (answer) =>
      Effect.sync(() => withoutSecrets(answer, ids)),
    )
  return { access, vault, keys }
})

const withoutSecrets = ({ err, out }: Answer, ids: ReadonlyArray<string>) => {
  for (const secret of [CANARY, ...ids.map(hexOf)]) assert.notInclude(out + err, secret)
}

const shown = ({ code, err, out }: Answer) => {
  assert.deepStrictEqual([code, err], [0, ""])
  return out
}

describe("crewlog keys", () => {
  test(
    "crewlog keys rotates on servers of one's own: a new key in front, all nodes restarted, everything sealed with it",
    Effect.gen(function* () {
      const { keys, vault } = yield* bucket
      const before = yield* vault("old")
      yield* before.put(A, "1", key("a"))
      yield* before.put(B, "1", key("b"))
      const both = ["new", "old"]
      assert.strictEqual(shown(yield* keys(both, "list")), "new  0 sealed  seals new ones\nold  2 sealed\n")
      assert.strictEqual(
        shown(yield* keys(both, "rotate")),
        "2 of 2 keys are sealed with new, 2 of them since now.\n",
      )
      assert.deepStrictEqual(JSON.parse(shown(yield* keys(both, "rotate", "--json"))), {
        ok: true,
        key: "new",
        keys: 2,
        resealed: 0,
        unreadable: [],
      })
      assert.deepStrictEqual(JSON.parse(shown(yield* keys(both, "list", "--json"))), {
        keys: [
          { id: "new", sealed: 2, known: true, seals: true },
          { id: "old", sealed: 0, known: true, seals: false },
        ],
      })
      const after = yield* vault("new")
      assert.strictEqual(Redacted.value((yield* after.get(B, "1"))!), `${CANARY}-b`)
    }),
  )

  test(
    "crewlog keys rotates while keys are put, and writes over none of them",
    Effect.gen(function* () {
      const { keys, vault } = yield* bucket
      const server = yield* vault("old", "new")
      const versions = Array.from({ length: 30 }, (_, index) => String(index))
      yield* Effect.forEach(versions, (version) => server.put(A, version, key("before")))
      const puts = Effect.forEach(versions.toReversed(), (version) =>
        server.put(A, version, key(`after-${version}`)),
      )
      const [answer] = yield* Effect.all([keys(["new", "old"], "rotate"), puts], { concurrency: 2 })
      assert.strictEqual(answer.code, 0)
      for (const version of versions) {
        assert.strictEqual(Redacted.value((yield* server.get(A, version))!), `${CANARY}-after-${version}`)
      }
      assert.include(shown(yield* keys(["new", "old"], "rotate")), "30 of 30 keys are sealed with new")
      assert.isDefined(yield* (yield* vault("new")).get(A, "7"))
    }),
  )

  test(
    "crewlog keys names a key that can't be read by backend and encryption key, and seals the others anew",
    Effect.gen(function* () {
      const { keys, vault } = yield* bucket
      yield* (yield* vault("lost")).put(A, "1", key("a"))
      yield* (yield* vault("old")).put(B, "1", key("b"))
      const listed = yield* keys(["new", "old"], "list")
      assert.include(listed.out, "lost  1 sealed  NOT CONFIGURED HERE\n")
      const { code, err, out } = yield* keys(["new", "old"], "rotate")
      assert.deepStrictEqual([code, err], [1, ""])
      assert.include(out, `the key of backend ${A} can't be read: it is sealed with the encryption key lost,`)
      assert.include(out, "1 of 2 keys are sealed with new, 1 of them since now.\n")
      const again = yield* keys(["new", "old"], "rotate", "--json")
      const { unreadable, ...rest } = JSON.parse(again.out) as { unreadable: Array<{ backend: string }> }
      assert.strictEqual(again.code, 1)
      assert.deepStrictEqual(rest as object, { ok: false, key: "new", keys: 2, resealed: 0 })
      assert.deepStrictEqual(
        unreadable.map(({ backend }) => backend),
        [A],
      )
      assert.include(shown(yield* keys(["new", "lost"], "rotate")), "2 of 2 keys are sealed with new, 1")
    }),
  )

  test(
    "crewlog keys leaves a setting to who made it, and wants it where NATS_URL is set",
    Effect.gen(function* () {
      const { access, keys } = yield* bucket
      for (const args of [["rotate", "--new"], ["prune"]]) {
        const { code, err, out } = yield* keys(["one"], ...args)
        assert.deepStrictEqual([code, out], [1, ""])
        assert.match(err, /^crewlog: the keys here are in CREWLOG_ENCRYPTION_KEY: [^\n]+\n$/)
      }
      const { code, err } = yield* crewlog(["keys", "list"], { NATS_URL: Redacted.value(access.url) })
      assert.strictEqual(code, 1)
      assert.include(err, "CREWLOG_ENCRYPTION_KEY must be too")
    }),
  )

  test(
    "crewlog keys says what is wrong with a data folder that has no keys, or something else in their place",
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const missing = yield* crewlog(["keys", "rotate", "--new", "--data", folder])
      assert.strictEqual(missing.code, 1)
      assert.include(missing.err, `there is no ${join(folder, "encryption-key")}`)
      writeFileSync(join(folder, "encryption-key"), "nonsense\n")
      const wrong = yield* crewlog(["keys", "list", "--data", folder])
      assert.strictEqual(wrong.code, 1)
      assert.include(wrong.err, "encryption-key: it should hold 64 hex characters, or id:hex pairs")
    }),
  )
})

const PORTS = { CREWLOG_PORT: "0", CREWLOG_GATEWAY_PORT: "0", CREWLOG_METRICS_PORT: "0" }

/** A data folder that servers run on one after the other, and the command line of its operator. */
const dataFolder = Effect.gen(function* () {
  const folder = join(yield* temporaryFolder, "data")
  const file = join(folder, "encryption-key")
  let server: ReturnType<typeof start> | undefined
  yield* Effect.addFinalizer(() => Effect.sync(() => server?.child.kill("SIGKILL")))
  const run = Effect.promise(async () => {
    server = start(["serve", "--data", folder], PORTS)
    await server.said("Crewlog is ready")
    return JSON.parse(readFileSync(join(folder, "runtime.json"), "utf8")) as Record<"http" | "nats", string>
  })
  const stop = Effect.promise(async () => {
    server?.child.kill("SIGTERM")
    assert.strictEqual((await server?.ended)?.code, 0)
  })
  const textOf = () => readFileSync(file, "utf8").trim()
  /** The vault of a server that started with these keys in its file. */
  const vault = (nats: string, text: string) => {
    const { host, password, username } = new URL(nats)
    return vaultOn({ url: `nats://${host}`, user: username, pass: password }, sealingKeysIn(text))
  }
  const keys = (...args: ReadonlyArray<string>) => crewlog(["keys", ...args, "--data", folder])
  const json = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
    return JSON.parse(shown(yield* keys(...args, "--json"))) as Record<string, unknown>
  })
  return { folder, file, run, stop, textOf, vault, keys, json }
})

describe("crewlog keys, on a data folder", () => {
  test(
    "crewlog keys, on a data folder rotates the server's own key: made while it runs, used from its restart on, pruned when it is stopped",
    Effect.gen(function* () {
      const { file, folder, json, keys, run, stop, textOf, vault: vaultAt } = yield* dataFolder
      const member = { name: "Bob", slug: "bob", type: "agent" }
      const once = { "idempotency-key": "member-bob" }

      const first = yield* run
      const oldText = textOf()
      const [old] = sealingKeysIn(oldText)
      const vault = yield* vaultAt(first.nats, oldText)
      yield* vault.put(A, "1", key("a"))
      const admin = readFileSync(join(folder, "admin-token"), "utf8").trim()
      const made = yield* new Rest(first.http, admin).post("/members", member, once)
      assert.strictEqual(made.status, 201)

      // A new key, while the server runs. It is not used before everybody knows it.
      const added = yield* json("rotate", "--new")
      assert.strictEqual(added["file"], file)
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      assert.match(textOf(), new RegExp(`^[0-9a-f]{64},${oldText}$`))
      assert.strictEqual(sealingKeysIn(textOf())[0].id, added["key"])
      const early = yield* keys("rotate")
      assert.strictEqual(early.code, 1)
      assert.include(early.err, "Restart it first")
      yield* vault.put(B, "1", key("b"))
      assert.deepStrictEqual(yield* json("list"), {
        keys: [
          { id: added["key"], sealed: 0, known: true, seals: true },
          { id: old.id, sealed: 2, known: true, seals: false },
        ],
      })
      assert.strictEqual((yield* new Rest(first.http, admin).get("/me")).status, 200)

      yield* stop
      const second = yield* run
      assert.deepStrictEqual(yield* json("rotate"), {
        ok: true,
        key: added["key"],
        keys: 2,
        resealed: 2,
        unreadable: [],
      })
      const repeated = yield* new Rest(second.http, admin).post("/members", member, once)
      assert.strictEqual(repeated.body.token, made.body.token)
      const running = yield* keys("prune")
      assert.strictEqual(running.code, 1)
      assert.include(running.err, "a server runs")

      yield* stop
      assert.deepStrictEqual(yield* json("prune"), { file, removed: [old.id], kept: [added["key"]] })
      assert.deepStrictEqual(yield* json("prune"), { file, removed: [], kept: [added["key"]] })
      assert.match(textOf(), /^[0-9a-f]{64}$/)

      const third = yield* run
      const after = yield* vaultAt(third.nats, textOf())
      assert.strictEqual(Redacted.value((yield* after.get(B, "1"))!), `${CANARY}-b`)
      assert.strictEqual((yield* new Rest(third.http, made.body.token).get("/me")).status, 200)
      yield* stop
      assert.deepStrictEqual(filesWith(folder, CANARY), [])
      assert.deepStrictEqual(filesWith(folder, oldText), [])
      assert.deepStrictEqual(
        readdirSync(folder).filter((name) => name.startsWith("encryption-key")),
        ["encryption-key"],
      )
    }),
    PATIENCE,
  )

  test(
    "crewlog keys, on a data folder keeps a key that still seals something, and the first that seals nothing yet",
    Effect.gen(function* () {
      const { file, keys, run, stop, textOf, vault } = yield* dataFolder
      const { nats } = yield* run
      yield* (yield* vault(nats, textOf())).put(A, "1", key("a"))
      yield* stop
      shown(yield* keys("rotate", "--new"))
      shown(yield* keys("rotate", "--new"))
      const [first, between, last] = sealingKeysIn(textOf())
      assert.strictEqual(
        shown(yield* keys("prune")),
        `Gone: ${between!.id}. In ${file}: ${first.id}, ${last!.id}.\n`,
      )
      assert.deepStrictEqual(
        sealingKeysIn(textOf()).map(({ id }) => id),
        [first.id, last!.id],
      )
    }),
    PATIENCE,
  )
})
