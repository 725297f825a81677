import { Effect, Schema, Stream } from "effect"
import { createHash } from "node:crypto"
import { createReadStream, readFileSync } from "node:fs"
import { join } from "node:path"
import { pipeline } from "node:stream"
import { createGunzip } from "node:zlib"
import { strayHash } from "../../adapters/nats/records.ts"
import { chained } from "../../domain/CommitRecord.ts"
import { Digest } from "../../domain/Digest.ts"
import { hashOf, isStray, type Line, nameOf, type Stray } from "../../domain/Line.ts"
import { CommandFailed } from "../CommandFailed.ts"
import { CloudEvent, lineIn } from "./CloudEvent.ts"
import { MANIFEST, Manifest, RECORDS, RecordsHash } from "./Manifest.ts"

const decodeManifest = Schema.decodeUnknownEffect(Schema.fromJsonString(Manifest))
const decodeLine = Schema.decodeUnknownEffect(Schema.fromJsonString(CloudEvent))

const failed = (message: string) => new CommandFailed({ message })
const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error))

/** An export's manifest. */
export const manifestIn = Effect.fnUntraced(function* (folder: string) {
  const path = join(folder, MANIFEST)
  const text = yield* Effect.try({
    try: () => readFileSync(path, "utf8"),
    catch: (error) => failed(`${path} can't be read, so this is no whole export: ${reasonOf(error)}`),
  })
  return yield* decodeManifest(text).pipe(
    Effect.mapError(() => failed(`${path} is not the manifest of an export that this version knows`)),
  )
})

/** The lines of an export, in order. */
export const linesIn = (folder: string): Stream.Stream<Line, CommandFailed> => {
  const path = join(folder, RECORDS)
  const bytes = Stream.suspend(() =>
    Stream.fromAsyncIterable<Uint8Array, CommandFailed>(
      pipeline(createReadStream(path), createGunzip(), () => {}),
      (error) => failed(`${path} can't be read: ${reasonOf(error)}`),
    ),
  )
  return bytes.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.mapEffect((text) =>
      decodeLine(text).pipe(
        Effect.map(lineIn),
        Effect.filterOrFail((line) => line !== undefined),
        Effect.mapError(() => failed(`${path} holds a line that is no record`)),
      ),
    ),
  )
}

const fileHash = (path: string) =>
  Effect.tryPromise({
    try: async () => {
      const hash = createHash("sha256")
      for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
      return hash.digest("hex")
    },
    catch: (error) => failed(`${path} can't be read: ${reasonOf(error)}`),
  })

/**
 * Reads the whole export, and fails unless it is what the manifest says: the file byte for byte, every
 * position, and every record chained to its aggregate's one before.
 */
export const checkExport = Effect.fnUntraced(function* (
  folder: string,
  { file, last, records_sha256 }: Manifest,
  progress: (seq: number, last: number) => Effect.Effect<void>,
) {
  const digest = yield* Digest
  const path = join(folder, RECORDS)
  if ((yield* fileHash(path)) !== file.sha256) {
    return yield* failed(`${path} is not the file that the manifest names: its hash is another`)
  }
  const newest = new Map<string, { readonly seq: number; readonly hash: string }>()
  const hash = new RecordsHash()
  let position = 0
  const isWhole = (line: Line): boolean => {
    if (isStray(line)) return isWholeStray(line)
    const { record, seq } = line
    const before = newest.get(nameOf(line)) ?? { seq: 0, hash: "" }
    newest.set(nameOf(line), { seq, hash: record.hash })
    return record.prev === before.seq && record.hash === digest.sha256(chained(before.hash, record))
  }
  const check = (line: Line) => {
    const { seq } = line
    if (seq !== position + 1) return failed(`record ${position + 1} is missing from the export`)
    if (!isWhole(line)) {
      return failed(`record ${seq} of the export does not follow from those before it: it was changed`)
    }
    position = seq
    hash.add(hashOf(line))
    return seq % 1_000 === 0 ? progress(seq, last) : Effect.void
  }
  yield* Stream.runForEach(linesIn(folder), check)
  if (position !== last || hash.hex !== records_sha256) {
    return yield* failed(
      `the export is not what its manifest says: it ends at ${position} of ${last} records`,
    )
  }
})

const isWholeStray = ({ stray: { data, hash, subject } }: Stray): boolean => strayHash(subject, data) === hash
