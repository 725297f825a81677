import { Console, Effect, Layer, Stream } from "effect"
import { Argument, Command } from "effect/cli"
import { createHash } from "node:crypto"
import { closeSync, mkdirSync, openSync, readdirSync, writeFileSync, writeSync } from "node:fs"
import { join, resolve } from "node:path"
import { gzipSync } from "node:zlib"
import { EventLog } from "../../domain/EventLog.ts"
import { hashOf, isStray, type Line } from "../../domain/Line.ts"
import { CommandFailed } from "../CommandFailed.ts"
import { logOnly } from "../connected.ts"
import { json } from "../flags.ts"
import { printable, printableJson } from "../printable.ts"
import { progressBar } from "../Progress.ts"
import { SettingsLayer } from "../settings.ts"
import { cloudEventOf } from "./CloudEvent.ts"
import { type Manifest, MANIFEST, RECORDS, RecordsHash } from "./Manifest.ts"
import { recordsBetween } from "./recordsBetween.ts"

/** Compressed together: the same log gives the same bytes, however it arrives. */
const TOGETHER = 1_000

const onDisk = <Value>(what: string, run: () => Value) =>
  Effect.try({
    try: run,
    catch: (error) =>
      new CommandFailed({ message: `${what}: ${error instanceof Error ? error.message : String(error)}` }),
  })

const emptyFolder = Effect.fnUntraced(function* (folder: string) {
  const found = yield* onDisk(`${folder} can't be made`, () => {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return readdirSync(folder)
  })
  if (found.length > 0) {
    return yield* new CommandFailed({
      message: `${folder} is not empty. Name a folder that is, or a new one.`,
    })
  }
})

/** Writes gzip members one after the other, which together are one gzip file. */
const recordsFile = Effect.fnUntraced(function* (log: string, path: string) {
  const file = yield* Effect.acquireRelease(
    onDisk(`${path} can't be written`, () => openSync(path, "wx", 0o600)),
    (file) => Effect.sync(() => closeSync(file)),
  )
  const sha256 = createHash("sha256")
  let bytes = 0
  const add = (all: ReadonlyArray<Line>) =>
    onDisk(`${path} can't be written`, () => {
      const lines = all.map((line) => `${JSON.stringify(cloudEventOf(log, line))}\n`)
      const compressed = gzipSync(lines.join(""))
      for (let written = 0; written < compressed.length;) written += writeSync(file, compressed, written)
      sha256.update(compressed)
      bytes += compressed.length
    })
  return { add, written: () => ({ name: RECORDS, bytes, sha256: sha256.digest("hex") }) as const }
})

/** Writes the log as it is now into an empty folder. */
const exportTo = Effect.fnUntraced(function* (folder: string) {
  yield* emptyFolder(folder)
  const { epoch, last } = yield* (yield* EventLog).head
  const progress = yield* progressBar("exporting")
  const hash = new RecordsHash()
  let strays = 0
  const file = yield* recordsFile(epoch, join(folder, RECORDS))
  yield* recordsBetween(0, last).pipe(
    Stream.grouped(TOGETHER),
    Stream.runForEach((lines) => {
      for (const line of lines) hash.add(hashOf(line))
      strays += lines.filter(isStray).length
      return Effect.andThen(file.add(lines), progress(lines.at(-1)?.seq ?? 0, last))
    }),
  )
  const manifest: Manifest = {
    format: "crewlog-export",
    version: 1,
    log: epoch,
    last,
    records_sha256: hash.hex,
    file: file.written(),
  }
  const path = join(folder, MANIFEST)
  yield* onDisk(`${path} can't be written`, () =>
    writeFileSync(path, `${JSON.stringify(manifest, undefined, 2)}\n`, { mode: 0o600, flush: true }),
  )
  return { manifest, strays }
}, Effect.scoped)

export const exportLog = Command.make(
  "export",
  {
    folder: Argument.String("folder").pipe(
      Argument.withDescription("Where to: an empty folder, or none yet"),
    ),
    json,
  },
  Effect.fnUntraced(
    function* ({ folder, json }) {
      const path = resolve(folder)
      const { manifest, strays } = yield* exportTo(path)
      yield* Console.log(
        json
          ? printableJson({ folder: path, ...manifest })
          : `${manifest.last - strays} records are in ${printable(path)}, ${manifest.file.bytes} bytes.\n` +
              (strays === 0 ? "" : `Stray messages, kept at their positions: ${strays}\n`) +
              `sha256 of all records: ${manifest.records_sha256}`,
      )
    },
    Effect.provide(logOnly.pipe(Layer.provide(SettingsLayer))),
  ),
).pipe(
  Command.withDescription(
    `Write the whole log to a folder: ${RECORDS}, a CloudEvent 1.0 a line, and ${MANIFEST} with the hashes. ` +
      "The keys that tokens are made with are not part of it.",
  ),
  Command.withShortDescription("Write the whole log to a folder"),
)
