import { Schema } from "effect"
import type { AggregateType } from "../../domain/Aggregate.ts"
import { Remembered, type Subject } from "../../domain/CommitRecord.ts"
import { Seq } from "../../domain/Ids.ts"
import { SpillFile } from "./SpillFile.ts"

/** An aggregate as the log has it, as of its newest record so far. */
export interface Folded {
  readonly subject: Subject
  readonly seq: number
  /** The newest record that changed the state. */
  readonly version: number
  readonly hash: string
  readonly state: unknown
  readonly remembered: ReadonlyArray<Remembered>
  /** False once a record could not be folded: from then on nothing can be compared with the state. */
  readonly isSound: boolean
}

type Codec = Schema.Codec<unknown, unknown>

const HOT = 2_000

const Packed = Schema.fromJsonString(
  Schema.Struct({
    seq: Seq,
    version: Seq,
    hash: Schema.String,
    state: Schema.Json,
    remembered: Schema.Array(Remembered),
    isSound: Schema.Boolean,
  }),
)
const pack = Schema.encodeSync(Packed)
const unpack = Schema.decodeSync(Packed)

export const keyOf = ({ id, type }: Subject): string => `${type}.${id}`

/** The subject that `keyOf` made a key of. */
const subjectOf = (key: string): Subject => {
  const dot = key.indexOf(".")
  return { type: key.slice(0, dot) as AggregateType, id: key.slice(dot + 1) }
}

/**
 * The fold of every aggregate there is. Those that were in use lately are kept as they are, the others in a file: in
 * memory stays their place in it, some 150 bytes each.
 */
export class Folds {
  readonly #codecs: Readonly<Record<AggregateType, Codec>>
  readonly #hot = new Map<string, Folded>()
  /** Places in the file; also of those that are hot again. */
  readonly #places = new Map<string, number>()
  #file: SpillFile | undefined
  readonly #largest: number

  constructor(codecs: Readonly<Record<AggregateType, Codec>>, hot = HOT) {
    this.#codecs = codecs
    this.#largest = hot
  }

  get(subject: Subject): Folded | undefined {
    const key = keyOf(subject)
    const hot = this.#hot.get(key)
    if (hot !== undefined) return hot
    const place = this.#places.get(key)
    return place === undefined || this.#file === undefined
      ? undefined
      : this.#thaw(subject, this.#file.read(place))
  }

  set(folded: Folded): void {
    const key = keyOf(folded.subject)
    // Deleted first, so that the map's order is that of use.
    this.#hot.delete(key)
    this.#hot.set(key, folded)
    if (this.#hot.size > this.#largest) this.#freezeOldest()
  }

  get subjects(): Iterable<Subject> {
    return this.#subjects()
  }

  *#subjects() {
    for (const { subject } of this.#hot.values()) yield subject
    for (const key of this.#places.keys()) if (!this.#hot.has(key)) yield subjectOf(key)
  }

  /** Lets go of the file; nothing can be asked any more. */
  close(): void {
    this.#file?.close()
  }

  #freezeOldest(): void {
    for (const [key, { state, subject, ...others }] of this.#hot) {
      const encoded = Schema.encodeUnknownSync(this.#codecs[subject.type])(state) as Schema.Json
      this.#hot.delete(key)
      this.#file ??= new SpillFile()
      const bytes = Buffer.from(pack({ ...others, state: encoded }))
      this.#places.set(key, this.#file.write(bytes, this.#places.get(key)))
      return
    }
  }

  #thaw(subject: Subject, bytes: Uint8Array): Folded {
    const { state, ...others } = unpack(new TextDecoder().decode(bytes))
    return { ...others, subject, state: Schema.decodeUnknownSync(this.#codecs[subject.type])(state) }
  }
}
