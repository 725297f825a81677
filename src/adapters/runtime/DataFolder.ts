import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { mkdirSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { Settings } from "../../config.ts"
import { FolderLocked, takeLock } from "./FolderLock.ts"
import { PASSABLE } from "./runAs.ts"

/** The data folder is another program's, or can't be written. */
export class DataFolderUnusable extends Schema.TaggedError<DataFolderUnusable>()("DataFolderUnusable", {
  message: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {}

/** The addresses of a running program, credentials included (operations.md). */
export interface Whereabouts {
  readonly http?: string
  readonly gateway?: string
  readonly metrics?: string
  /** The address at which agents log in to NATS, with their own tokens. */
  readonly agents?: string
  readonly nats: Redacted.Redacted
  readonly postgres: Redacted.Redacted
}

/** The folder that holds everything of this program: embedded servers, secrets, runtime.json. Ours alone while we run. */
export class DataFolder extends Context.Service<
  DataFolder,
  {
    /** Absolute, without symbolic links. */
    readonly path: string
    /** Writes runtime.json, readable for us only, whole or not at all. It goes when the program stops. */
    readonly announce: (whereabouts: Whereabouts) => Effect.Effect<void, DataFolderUnusable>
  }
>()("crewlog/adapters/runtime/DataFolder") {}

const unusable = (path: string) => (cause: unknown) =>
  new DataFolderUnusable({
    message: `the data folder ${path} can't be used: ${cause instanceof Error ? cause.message : cause}. Set CREWLOG_DATA to another.`,
    cause,
  })

const open = (path: string) =>
  Effect.try({
    try: () => {
      mkdirSync(path, { recursive: true, mode: PASSABLE })
      return takeLock(join(path, "lock"))
    },
    catch: unusable(path),
  }).pipe(
    Effect.flatMap((lock) =>
      lock instanceof FolderLocked
        ? new DataFolderUnusable({
            message: `the data folder ${path} is in use by process ${lock.pid}. Stop that one, or set CREWLOG_DATA to another folder.`,
          })
        : Effect.succeed(lock),
    ),
  )

const write = (file: string, { nats, postgres, ...urls }: Whereabouts) => {
  const content = {
    pid: process.pid,
    ...urls,
    nats: Redacted.value(nats),
    postgres: Redacted.value(postgres),
  }
  writeFileSync(`${file}.new`, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600, flush: true })
  renameSync(`${file}.new`, file)
}

/** Makes the folder where missing and locks it until the end of the scope. */
export const layer: Layer.Layer<DataFolder, DataFolderUnusable, Settings> = Layer.effect(
  DataFolder,
  Effect.gen(function* () {
    const { dataFolder } = yield* Settings
    const given = resolve(dataFolder)
    yield* Effect.acquireRelease(open(given), (unlock) => Effect.sync(unlock))
    const path = yield* Effect.try({ try: () => realpathSync(given), catch: unusable(given) })
    const file = join(path, "runtime.json")
    const remove = Effect.sync(() => rmSync(file, { force: true }))
    yield* Effect.acquireRelease(remove, () => remove)
    return DataFolder.of({
      path,
      announce: (whereabouts) => Effect.try({ try: () => write(file, whereabouts), catch: unusable(path) }),
    })
  }),
)
