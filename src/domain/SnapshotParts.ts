import { Option, Schema } from "effect"
import { Remembered } from "./CommitRecord.ts"
import { Seq } from "./Ids.ts"

/**
 * A piece of a snapshot that is too large for one record. The pieces of one snapshot, which is of the record `of`,
 * stand in records after that one, in order.
 */
const Part = Schema.Struct({ of: Seq, index: Seq, count: Schema.Int, text: Schema.String })
export type Part = typeof Part.Type

/** A part stands where a snapshot does, under a fold of its own: who knows of no parts steps over it. */
export const partFold = (fold: string): string => `${fold}/part`

const decode = Schema.decodeUnknownOption(Part)

/** The part that a record carries, if it has one of this fold. */
export const partOf = (
  { snapshot }: { readonly snapshot?: { readonly fold: string; readonly state: unknown } | undefined },
  fold: string,
): Part | undefined =>
  snapshot?.fold === partFold(fold) ? Option.getOrUndefined(decode(snapshot.state)) : undefined

/** An aggregate as its parts tell it. */
export const Whole = Schema.fromJsonString(
  Schema.Struct({
    state: Schema.Unknown,
    version: Seq,
    hash: Schema.String,
    remembered: Schema.Array(Remembered),
  }),
)
export type Whole = typeof Whole.Type

/** The most bytes that a piece takes on the log. */
export const PIECE_BYTES = 128 * 1024
const PIECE_LENGTH = 96 * 1024

const encoder = new TextEncoder()

/** The bytes of a text in UTF-8. */
export const bytesOf = (text: string): number => encoder.encode(text).length

const UUID = "[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
const NAMED = new RegExp(`~|${UUID}`, "g")
const SHORTENED = new RegExp(`~~|~[0-9a-z]+;|${UUID}`, "g")

/** A text in which each id stands once: later ones are `~0;` for the first id, `~1;` for the second, and a `~` is `~~`. */
const shortened = (text: string): string => {
  const ids = new Map<string, string>()
  return text.replaceAll(NAMED, (found) => {
    if (found === "~") return "~~"
    const name = ids.get(found)
    if (name === undefined) ids.set(found, `~${ids.size.toString(36)};`)
    return name ?? found
  })
}

const expanded = (text: string): string => {
  const ids: Array<string> = []
  return text.replaceAll(SHORTENED, (found) => {
    if (found === "~~") return "~"
    if (found.startsWith("~")) return ids[Number.parseInt(found.slice(1, -1), 36)] ?? ""
    ids.push(found)
    return found
  })
}

/** The text that was cut into these pieces. */
export const joined = (pieces: ReadonlyArray<string>): string => expanded(pieces.join(""))

/** A text in pieces, each of at most 128 KiB as JSON; ids, of which plans are made, take their room once. */
export const cut = (whole: string): ReadonlyArray<string> => {
  const text = shortened(whole)
  const pieces: Array<string> = []
  let from = 0
  while (from < text.length) {
    let length = PIECE_LENGTH
    while (bytesOf(JSON.stringify(text.slice(from, from + length))) > PIECE_BYTES) length = length >> 1
    pieces.push(text.slice(from, from + length))
    from += length
  }
  return pieces
}

/** The parts that were found on a way back over an aggregate's records. */
export class PartsFound {
  readonly #found = new Map<number, Map<number, string>>()

  /** The whole text, once its last missing part is there. */
  add({ count, index, of, text }: Part): string | undefined {
    const pieces = this.#found.get(of) ?? new Map<number, string>()
    pieces.set(index, text)
    this.#found.set(of, pieces)
    if (pieces.size < count) return undefined
    return joined(Array.from({ length: count }, (_, place) => pieces.get(place) ?? ""))
  }
}

/** A snapshot of which some pieces are on the log and the others wait for the next records. */
export interface Unfinished {
  readonly of: number
  readonly pieces: ReadonlyArray<string>
  readonly next: number
  /** Records after `of`. */
  readonly since: number
}
