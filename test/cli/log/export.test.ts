import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { createHash } from "node:crypto"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync, gzipSync } from "node:zlib"
import type { Recorded } from "../../../src/domain/CommitRecord.ts"
import { CrewLog } from "../../projections/CrewLog.ts"
import { randomCrew } from "../../projections/crews.ts"
import { temporaryFolder } from "../../support/servers.ts"
import { board, deployed, publish } from "../board.ts"
import { crewlog } from "../crewlog.ts"

const test = <E>(title: string, effect: Effect.Effect<void, E, Scope.Scope>) =>
  it.live(title, () => Effect.scoped(effect), 60_000)

/** NATS and PostgreSQL with nothing on them. */
const nowhere = deployed([])

const exported = Effect.fnUntraced(function* (lines: ReadonlyArray<Recorded>) {
  const there = yield* deployed(lines)
  const folder = join(yield* temporaryFolder, "export")
  const { code, err } = yield* crewlog(["log", "export", folder], there.env)
  assert.deepStrictEqual([code, err], [0, ""])
  return {
    ...there,
    folder,
    records: join(folder, "records.ndjson.gz"),
    manifest: join(folder, "manifest.json"),
  }
})

type Env = Readonly<Record<string, string>>

/** The hashes of all tables, as a rebuild says them that has something to compare with. */
const rebuilt = Effect.fnUntraced(function* (env: Env) {
  assert.strictEqual((yield* crewlog(["rebuild"], env)).code, 0)
  const { out } = yield* crewlog(["rebuild", "--json"], env)
  const { tables } = JSON.parse(out) as {
    tables: ReadonlyArray<{ table: string; rebuilt: { hash: string } }>
  }
  assert.isNotEmpty(tables)
  return tables.map(({ rebuilt, table }) => [table, rebuilt])
})

const recordsOf = Effect.fnUntraced(function* (env: Env, last: number) {
  const records: Array<unknown> = []
  for (let seq = 1; seq <= last; seq += 1)
    records.push(JSON.parse((yield* crewlog(["log", "show", String(seq), "--json"], env)).out))
  return records
})

describe("crewlog log export and import", () => {
  test(
    "crewlog log export and import write a CloudEvent 1.0 a line, and the hashes beside",
    Effect.gen(function* () {
      const { lines } = yield* board
      const { env, folder, manifest, records } = yield* exported(lines)
      const written = JSON.parse(readFileSync(manifest, "utf8"))
      const sha256 = (bytes: string | Buffer) => createHash("sha256").update(bytes).digest("hex")
      assert.strictEqual(written.last, 8)
      assert.strictEqual(written.file.sha256, sha256(readFileSync(records)))
      assert.strictEqual(
        written.records_sha256,
        sha256(lines.map(({ record }) => `${record.hash}\n`).join("")),
      )
      const events = gunzipSync(readFileSync(records)).toString().trimEnd().split("\n")
      assert.lengthOf(events, 8)
      for (const [index, text] of events.entries()) {
        const { data, ...attributes } = JSON.parse(text)
        const { record, seq, subject } = lines[index]!
        assert.deepStrictEqual(data, JSON.parse(JSON.stringify(record)))
        assert.deepStrictEqual(attributes, {
          specversion: "1.0",
          id: String(seq),
          source: `urn:crewlog:log:${written.log}`,
          type: `crewlog.${subject.type}.committed`,
          subject: `${subject.type}.${subject.id}`,
          time: record.at,
          datacontenttype: "application/json",
          sequence: String(seq),
          crewactor: "ada",
          correlationid: "test",
          ...(record.causation === null ? {} : { causationid: String(record.causation) }),
        })
        for (const name of Object.keys(attributes)) assert.match(name, /^[a-z0-9]{1,20}$/)
      }
      const again = yield* crewlog(["log", "export", folder], env)
      assert.strictEqual(again.code, 1)
      assert.match(again.err, /is not empty\. Name a folder that is, or a new one\.\n$/)
    }),
  )

  test(
    "crewlog log export and import bring every record to where it was, so that verify and rebuild say the same",
    Effect.gen(function* () {
      const { lines } = yield* board
      for (const records of [lines, randomCrew("export").records]) {
        const source = yield* exported(records)
        const target = yield* nowhere
        const { code, out } = yield* crewlog(["log", "import", source.folder, "--json"], target.env)
        assert.deepStrictEqual([code, JSON.parse(out).imported], [0, records.length])
        const few = Math.min(records.length, 40)
        assert.deepStrictEqual(yield* recordsOf(target.env, few), yield* recordsOf(source.env, few))
        assert.deepStrictEqual(yield* rebuilt(target.env), yield* rebuilt(source.env))
        const verified = yield* crewlog(["verify", "--json"], target.env)
        assert.strictEqual(verified.out, (yield* crewlog(["verify", "--json"], source.env)).out)
        assert.strictEqual(verified.code, 0)
        const folder = join(yield* temporaryFolder, "again")
        yield* crewlog(["log", "export", folder], target.env)
        const hashIn = (path: string) => JSON.parse(readFileSync(path, "utf8")).records_sha256
        assert.strictEqual(hashIn(join(folder, "manifest.json")), hashIn(source.manifest))
      }
    }),
  )

  test(
    "crewlog log export and import make the log where there is none yet",
    Effect.gen(function* () {
      const { lines } = yield* board
      const { folder } = yield* exported(lines)
      const data = join(yield* temporaryFolder, "data")
      const { code, err } = yield* crewlog(["log", "import", folder, "--data", data])
      assert.deepStrictEqual([code, err], [0, ""])
      const { out } = yield* crewlog(["verify", "--log-only", "--data", data])
      assert.strictEqual(out, "The log is sound: 8 records checked, rows left out.\n")
    }),
  )

  test(
    "crewlog log export and import go on after an interruption, but never into another log",
    Effect.gen(function* () {
      const { records } = randomCrew("export")
      const { folder } = yield* exported(records)
      const half = yield* deployed(records.slice(0, 20))
      const refused = yield* crewlog(["log", "import", folder], half.env)
      assert.deepStrictEqual(
        [refused.code, refused.err],
        [1, "crewlog: the log is not empty: it holds 20 records. Import into an empty one.\n"],
      )
      const resumed = yield* crewlog(["log", "import", folder, "--resume", "--json"], half.env)
      assert.deepStrictEqual([resumed.code, JSON.parse(resumed.out).imported], [0, records.length - 20])
      assert.strictEqual((yield* crewlog(["verify", "--log-only"], half.env)).code, 0)

      const { records: others } = randomCrew("others", new CrewLog("2026-04-01T00:00:00.000Z"))
      const other = yield* deployed(others.slice(0, 3))
      const foreign = yield* crewlog(["log", "import", folder, "--resume"], other.env)
      assert.strictEqual(foreign.code, 1)
      assert.include(foreign.err, "this log is another one")
      assert.include((yield* crewlog(["log", "tail", "-n", "1"], other.env)).out, " 3 ")
      yield* publish(half.js, { ...records[0]!, subject: { type: "member", id: "one-more" } })
      const longer = yield* crewlog(["log", "import", folder, "--resume"], half.env)
      assert.strictEqual(longer.code, 1)
    }),
  )

  test(
    "crewlog log export and import write nothing of an export that is not whole, or was changed",
    Effect.gen(function* () {
      const { lines } = yield* board
      const { folder, manifest, records } = yield* exported(lines)
      const good = { manifest: readFileSync(manifest, "utf8"), records: readFileSync(records) }
      const target = yield* nowhere
      const refused = Effect.fnUntraced(function* (said: string) {
        const { code, err } = yield* crewlog(["log", "import", folder], target.env)
        assert.strictEqual(code, 1)
        assert.include(err, said)
        const { err: nothing } = yield* crewlog(["log", "show", "1"], target.env)
        assert.include(nothing, "there is no record 1")
      })
      /** Forges an export, as somebody would who knows how manifests are made. */
      const forged = (text: string) => {
        const bytes = gzipSync(text)
        writeFileSync(records, bytes)
        const sha256 = createHash("sha256").update(bytes).digest("hex")
        const told = JSON.parse(good.manifest)
        writeFileSync(manifest, JSON.stringify({ ...told, file: { ...told.file, sha256 } }))
      }
      const text = gunzipSync(good.records).toString()

      writeFileSync(records, good.records.subarray(0, -20))
      yield* refused("its hash is another")
      forged(text.replaceAll('"actor":"ada"', '"actor":"eve"'))
      yield* refused("it was changed")
      forged(text.split("\n").slice(1).join("\n"))
      yield* refused("record 1 is missing")
      forged(text.split("\n").slice(0, 5).join("\n"))
      yield* refused("it ends at 5 of 8 records")
      forged(`${text}{"specversion":"1.0"}\n`)
      yield* refused("holds a line that is no record")
      writeFileSync(manifest, "{}")
      yield* refused("is not the manifest of an export")
    }),
  )
})
