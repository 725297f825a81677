import type { Route } from "../../operations/Operation.ts"
import type { AnyOperation } from "../../operations/operations.ts"

/** An operation that REST offers. */
export type Routed<Requirements> = AnyOperation<Requirements> & { readonly rest: Route }

export const isRouted = <Requirements>(row: AnyOperation<Requirements>): row is Routed<Requirements> =>
  row.rest !== undefined

const namesIn = (path: string) => [...path.matchAll(/:([a-z_]+)/g)].map(([, name = ""]) => name)

/** The fields of an operation's input by the part of a request that brings them; a GET's own fields are headers. */
export const placesOf = <Requirements>(row: Routed<Requirements>) => {
  const [method, path] = row.rest
  const params = namesIn(path)
  const query = [...(row.query ?? [])]
  const others = Object.keys(row.input).filter((name) => !params.includes(name) && !query.includes(name))
  return { params, query, headers: method === "GET" ? others : [], body: method === "GET" ? [] : others }
}
