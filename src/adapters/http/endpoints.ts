import { Schema, Struct } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { shownOnly } from "../../operations/decodeInput.ts"
import { described } from "./described.ts"
import { placesOf, type Routed } from "./placesOf.ts"

const pascal = (name: string) =>
  name.replaceAll(/(?:^|\.)([a-z])/g, (_, letter: string) => letter.toUpperCase())

const answerOf = <Requirements>(row: Routed<Requirements>) => {
  const [, , status] = row.rest
  if (row.kind === "watch") {
    return Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/event-stream" }))
  }
  return row.output === undefined ? HttpApiSchema.NoContent : row.output.pipe(HttpApiSchema.status(status))
}

const endpointOf = <Requirements>(row: Routed<Requirements>) => {
  const [method, path] = row.rest
  const { body, headers, params, query } = placesOf(row)
  const named = { identifier: pascal(row.name) }
  // The rows have every method; what may have a body is seen to by `placesOf`.
  return HttpApiEndpoint.make(method as "POST")(row.name, path, {
    ...(params.length === 0 ? {} : { params: Struct.pick(row.input, params) }),
    ...(query.length === 0 ? {} : { query: Struct.pick(row.input, query) }),
    ...(headers.length === 0 ? {} : { headers: Struct.pick(row.input, headers) }),
    ...(body.length === 0
      ? {}
      : {
          payload: Schema.Struct({ ...shownOnly(row, body), ...Struct.pick(row.input, body) }).annotate(
            named,
          ),
        }),
    success: answerOf(row),
  })
    .annotate(OpenApi.Identifier, row.name)
    .annotate(OpenApi.Summary, row.summary)
    .annotate(OpenApi.Transform, described(row))
}

/** The beginning of an operation's name is the group that documents show it in. */
const groupOf = ({ name }: { readonly name: string }) => name.slice(0, name.indexOf("."))

/** Operations by their groups. */
export const grouped = <Requirements>(
  rows: ReadonlyArray<Routed<Requirements>>,
): ReadonlyMap<string, ReadonlyArray<Routed<Requirements>>> => Map.groupBy(rows, groupOf)

/** A group of REST endpoints for each group of operations. */
export const groupsOf = <Requirements>(rows: ReadonlyArray<Routed<Requirements>>) =>
  [...grouped(rows)].map(([name, [first, ...others]]) =>
    first === undefined
      ? HttpApiGroup.make(name)
      : HttpApiGroup.make(name).add(endpointOf(first), ...others.map((row) => endpointOf(row))),
  )
