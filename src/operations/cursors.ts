import { Effect, Option, Schema } from "effect"
import { Seq, Slug, Uuid } from "../domain/Ids.ts"
import { TaskNumber } from "../domain/Project.ts"
import { Position } from "../domain/Task.ts"
import type { Page } from "../projections/ReadModel.ts"
import { BadParameter } from "./EdgeRefusal.ts"

const DEFAULT = 50
/** The place of an event in its record; as PostgreSQL's `smallint`. */
const Idx = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 32_767 }))

/** Lists are asked for by `limit`, 1 to 200, and the opaque `cursor` that the page before gave. */
export const paging = {
  limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 200 }))),
  cursor: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(500))),
}
interface Asked {
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

const opaque = <Cursor>(shape: Schema.Codec<Cursor, unknown>) => {
  const codec = Schema.StringFromBase64Url.pipe(Schema.decodeTo(Schema.fromJsonString(shape)))
  const decode = Schema.decodeUnknownOption(codec)
  const encode = Schema.encodeSync(codec)
  const garbled = new BadParameter({ errors: [{ field: "cursor", message: "is none that a page gave" }] })
  return {
    /** The slice that was asked for. */
    slice: ({ cursor, limit = DEFAULT }: Asked) => {
      if (cursor === undefined) return Effect.succeed({ limit })
      const after = decode(cursor)
      return Option.isNone(after) ? Effect.fail(garbled) : Effect.succeed({ limit, after: after.value })
    },
    /** The field that asks for the page after this one; nothing at the end. */
    next: ({ next }: Page<unknown, Cursor>): { readonly next?: { readonly cursor: string } } =>
      next === undefined ? {} : { next: { cursor: encode(next) } },
  }
}

export const bySlug = opaque(Schema.Struct({ slug: Slug }))
// Within what their columns hold: a cursor that can't be is no page's, and PostgreSQL is not asked.
export const byPosition = opaque(Schema.Struct({ position: Position, number: TaskNumber, id: Uuid }))
export const byFrameSeq = opaque(Schema.Struct({ seq: Seq, idx: Idx }))
