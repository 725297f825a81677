import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { crewlog } from "./crewlog.ts"

const documented = readFileSync(new URL("../../docs/settings.md", import.meta.url), "utf8")

describe("crewlog settings", () => {
  it.live("the document of all settings is what the program says of them now", () =>
    Effect.gen(function* () {
      const { code, err, out } = yield* crewlog(["settings", "--markdown"])
      assert.deepStrictEqual([code, err], [0, ""])
      assert.strictEqual(out, documented)
    }),
  )

  it.live("crewlog settings lists every setting of the document within 80 columns, whatever is set", () =>
    Effect.gen(function* () {
      const { code, out } = yield* crewlog(["settings"], { CREWLOG_PORT: "many", CREWLOG_NONSENSE: "1" })
      assert.strictEqual(code, 0)
      for (const line of out.split("\n")) assert.isAtMost(line.length, 80, line)
      const names = [...documented.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name = ""]) => name)
      assert.isAbove(names.length, 40)
      for (const name of names) assert.match(out, new RegExp(`^${name}\\b`, "m"))
    }),
  )
})
