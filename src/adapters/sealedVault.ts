import { Duration, Effect, Redacted, Result } from "effect"
import { KeyUnreadable, type KeyVault, type KeyVaultUnavailable } from "../commands/KeyVault.ts"
import { seal, sealedWith, type SealingKeys, unseal } from "./node/Sealing.ts"

/** A thing that was stored under a name. Revisions grow over all names. */
export interface Revision {
  readonly name: string
  readonly revision: number
  /** Absent where this is the mark of a name that an operator deleted. */
  readonly text: string | undefined
  /** Milliseconds, by the bucket's own clock. */
  readonly storedAt: number
}

/** The place where sealed keys are kept, by name; what is overwritten stays until it is erased. */
export interface Bucket {
  readonly newest: (name: string) => Effect.Effect<Revision | undefined, KeyVaultUnavailable>
  /** With `after`, only while that is the newest revision of the name; says whether it is stored. */
  readonly store: (name: string, text: string, after?: number) => Effect.Effect<boolean, KeyVaultUnavailable>
  /** Every revision, oldest first, of one backend or of all. */
  readonly revisions: (backend?: string) => Effect.Effect<ReadonlyArray<Revision>, KeyVaultUnavailable>
  /** From the disk too. One that is gone already is no failure. */
  readonly erase: (revision: number) => Effect.Effect<void, KeyVaultUnavailable>
}

/** A command that put a key records its event in this time, or never. */
const UNDER_WAY = "2 minutes"

const isToken = (text: string) => /^[\w-]{1,64}$/.test(text)

/** The one place that makes names. A text that is no id is a defect: Schema refused it long before. */
const nameOf = (backend: string, version: string): string => {
  if (!isToken(backend) || !isToken(version)) throw new Error(`not a key's name: ${backend} ${version}`)
  return `${backend}.${version}`
}

const backendOf = (name: string) => name.slice(0, name.indexOf("."))

const open = (keys: SealingKeys, name: string, text: string) =>
  unseal(keys, name, text).pipe(
    Result.mapError((reason) => new KeyUnreadable({ backend: backendOf(name), reason })),
  )

const newestOf = (revisions: ReadonlyArray<Revision>): ReadonlyMap<string, Revision> =>
  new Map(revisions.map((one) => [one.name, one]))

/** The number of keys that are sealed with each sealing key, by its id; "" stands for an entry that is no sealed key. */
export const sealedBy = Effect.fn("KeyVault.sealedBy")(function* (bucket: Bucket) {
  const counts = new Map<string, number>()
  for (const { text } of newestOf(yield* bucket.revisions()).values()) {
    if (text === undefined) continue
    const id = sealedWith(text) ?? ""
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts as ReadonlyMap<string, number>
})

/** True where it was sealed anew; somebody else's put in between is looked at again. */
const resealOne = Effect.fnUntraced(function* (bucket: Bucket, keys: SealingKeys, name: string) {
  while (true) {
    const found = yield* bucket.newest(name)
    if (found?.text === undefined) return false
    const key = yield* Effect.fromResult(open(keys, name, found.text))
    if (sealedWith(found.text) === keys[0].id) return false
    if (yield* bucket.store(name, seal(keys[0], name, key), found.revision)) return true
  }
})

/** Oldest first: were the mark of a deleted key erased before the key, the key would be back. */
const eraseOld = Effect.fnUntraced(function* (bucket: Bucket) {
  const all = yield* bucket.revisions()
  const newest = newestOf(all)
  for (const { name, revision, text } of all) {
    if (text === undefined || newest.get(name)?.revision !== revision) yield* bucket.erase(revision)
  }
})

/** See `KeyVault.reseal`. */
export const reseal = Effect.fn("KeyVault.reseal")(function* (
  bucket: Bucket,
  keys: SealingKeys,
  progress: (done: number, total: number) => Effect.Effect<void> = () => Effect.void,
) {
  const found = [...newestOf(yield* bucket.revisions()).values()].filter(({ text }) => text !== undefined)
  const unreadable: Array<KeyUnreadable> = []
  let resealed = 0
  for (const [index, { name }] of found.entries()) {
    const answer = yield* Effect.catchTag(resealOne(bucket, keys, name), "KeyUnreadable", Effect.succeed)
    if (answer instanceof KeyUnreadable) unreadable.push(answer)
    else if (answer) resealed++
    yield* progress(index + 1, found.length)
  }
  yield* eraseOld(bucket)
  return { keys: found.length, resealed, unreadable }
})

/** A key vault over a bucket. Plain keys are here only while they are sealed or opened. */
export const sealedVault = (
  bucket: Bucket,
  keys: SealingKeys,
  underWay: Duration.Input = UNDER_WAY,
): KeyVault["Service"] => ({
  put: Effect.fn("KeyVault.put")(function* (backend, version, key) {
    const name = nameOf(backend, version)
    const before = yield* bucket.newest(name)
    if (before?.text !== undefined) {
      const known = open(keys, name, before.text)
      if (Result.isSuccess(known) && Redacted.value(known.success) === Redacted.value(key)) return
    }
    yield* bucket.store(name, seal(keys[0], name, key))
    if (before !== undefined) yield* bucket.erase(before.revision)
  }),

  get: Effect.fn("KeyVault.get")(function* (backend, version) {
    const name = nameOf(backend, version)
    const found = yield* bucket.newest(name)
    return found?.text === undefined ? undefined : yield* Effect.fromResult(open(keys, name, found.text))
  }),

  drop: Effect.fn("KeyVault.drop")(function* (backend, except) {
    const all = yield* bucket.revisions(backend)
    if (except === undefined) {
      return yield* Effect.forEach(all, ({ revision }) => bucket.erase(revision), { discard: true })
    }
    const newest = newestOf(all)
    const kept = newest.get(nameOf(backend, except))
    if (kept === undefined) return
    const before = kept.storedAt - Duration.toMillis(underWay)
    for (const { name, revision } of all) {
      if ((newest.get(name)?.storedAt ?? before) < before) yield* bucket.erase(revision)
    }
  }),

  reseal: reseal(bucket, keys),
})
