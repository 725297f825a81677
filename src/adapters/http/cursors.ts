import { Effect, Option, Schema } from "effect"
import { Seq, Slug, Uuid } from "../../domain/Ids.ts"
import type { Page } from "../../projections/ReadModel.ts"
import { BadParameter } from "../EdgeRefusal.ts"

const DEFAULT = 50

/** How lists are asked for: `limit` 1 to 200, and an opaque `cursor` from the `Link` of the page before. */
export const paging = {
  limit: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 200 }))),
  cursor: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(500))),
}
interface Asked {
  readonly limit?: number
  readonly cursor?: string
}

const opaque = <A>(place: Schema.Codec<A, unknown>) => {
  const decode = Schema.decodeUnknownOption(Schema.fromJsonString(place))
  const garbled = new BadParameter({
    errors: [{ field: "cursor", message: "is none that a Link header gave" }],
  })
  return {
    /** The slice that was asked for. */
    slice: ({ cursor, limit = DEFAULT }: Asked) => {
      if (cursor === undefined) return Effect.succeed({ limit })
      if (!/^[\w-]+$/.test(cursor)) return Effect.fail(garbled)
      const after = decode(Buffer.from(cursor, "base64url").toString())
      return Option.isNone(after) ? Effect.fail(garbled) : Effect.succeed({ limit, after: after.value })
    },
    /** The `Link` header to the page after this one. */
    link: (url: string, { next }: Page<unknown, A>): Record<string, string> => {
      if (next === undefined) return {}
      const [path = "", query = ""] = url.split("?", 2)
      const params = new URLSearchParams(query)
      params.set("cursor", Buffer.from(JSON.stringify(next)).toString("base64url"))
      return { link: `<${path}?${params.toString()}>; rel="next"` }
    },
  }
}

export const bySlug = opaque(Schema.Struct({ slug: Slug }))
export const byPosition = opaque(Schema.Struct({ position: Schema.Int, number: Schema.Int, id: Uuid }))
export const byPlace = opaque(Schema.Struct({ seq: Seq, idx: Schema.Int }))
