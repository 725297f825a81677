import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Redacted } from "effect"
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as DataFolder from "../../../src/adapters/runtime/DataFolder.ts"
import { takeLock } from "../../../src/adapters/runtime/FolderLock.ts"
import { addKey, KEY_FILE, removeKeys, sealingKeysIn } from "../../../src/adapters/runtime/KeyFile.ts"
import * as Secrets from "../../../src/adapters/runtime/Secrets.ts"
import { layer as settings } from "../../../src/config.ts"
import { hexOf } from "../../support/keys.ts"
import { temporaryFolder } from "../../support/servers.ts"

const secretsIn = (path: string) =>
  Secrets.Secrets.pipe(
    Effect.provide(
      Secrets.layer.pipe(
        Layer.provide(DataFolder.layer),
        Layer.provide(settings),
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { CREWLOG_DATA: path } }))),
      ),
    ),
  )

/** A folder with this text in its key file. */
const holding = Effect.fnUntraced(function* (text: string) {
  const folder = yield* temporaryFolder
  const file = join(folder, KEY_FILE)
  writeFileSync(file, text, { mode: 0o600 })
  return { folder, file, ids: () => sealingKeysIn(readFileSync(file, "utf8")).map(({ id }) => id) }
})

describe("the key file", () => {
  it.live("the key file may hold many keys, the first of which seals", () =>
    Effect.gen(function* () {
      const { folder } = yield* holding(`new:${hexOf("new")}, ${hexOf("old")}\n`)
      const { sealingKeys } = yield* secretsIn(folder)
      assert.deepStrictEqual(
        sealingKeys.map(({ bytes, id }) => [id, Buffer.from(Redacted.value(bytes)).toString("hex")]),
        [
          ["new", hexOf("new")],
          [sealingKeysIn(hexOf("old"))[0].id, hexOf("old")],
        ],
      )
    }),
  )

  it.live("the key file stops a start where it holds something else, without showing what", () =>
    Effect.gen(function* () {
      for (const text of ["", "short-canary", `a:${hexOf("one")},a:${hexOf("two")}`, `${hexOf("one")},`]) {
        const { file, folder } = yield* holding(text)
        const { message } = yield* Effect.flip(secretsIn(folder))
        assert.include(message, `${file} can't be used`)
        assert.include(message, "should hold 64 hex characters")
        for (const secret of ["canary", hexOf("one"), hexOf("two")]) assert.notInclude(message, secret)
      }
    }),
  )

  it.live("the key file takes a new key in front of the others, and lets go of some by their ids", () =>
    Effect.gen(function* () {
      const { file, folder, ids } = yield* holding(`k1:${hexOf("one")}, ${hexOf("two")}\n`)
      const [, two = ""] = ids()
      const first = addKey(file)
      const second = addKey(file)
      assert.deepStrictEqual(ids(), [second, first, "k1", two])
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      removeKeys(file, new Set(["k1", first, "unknown"]))
      assert.deepStrictEqual(ids(), [second, two])
      assert.deepStrictEqual(readdirSync(folder), [KEY_FILE])
    }),
  )

  it.live("the key file is changed by one at a time, and by nobody who died half way", () =>
    Effect.gen(function* () {
      const { file, ids } = yield* holding(hexOf("one"))
      const before = ids()
      writeFileSync(`${file}.new`, "half of a key")
      writeFileSync(`${file}.lock`, "1 no such start\n")
      const added = addKey(file)
      assert.deepStrictEqual(ids(), [added, ...before])
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      const unlock = takeLock(`${file}.lock`)
      assert.throws(() => addKey(file), `process ${process.pid} is changing it`)
      assert.throws(() => removeKeys(file, new Set(before)), "is changing it")
      assert.deepStrictEqual(ids(), [added, ...before])
      if (typeof unlock === "function") unlock()
      removeKeys(file, new Set(before))
      assert.deepStrictEqual(ids(), [added])
    }),
  )
})
