import type { Routed } from "../../src/adapters/http/placesOf.ts"
import { placesOf } from "../../src/adapters/http/placesOf.ts"

type Input = Readonly<Record<string, unknown>>

const picked = (input: Input, names: ReadonlyArray<string>) =>
  Object.fromEntries(names.flatMap((name) => (input[name] === undefined ? [] : [[name, input[name]]])))

/** An operation's input as a request of REST. */
export const requestOf = <Needs>(row: Routed<Needs>, input: Input) => {
  const [method, template] = row.rest
  const { body, query } = placesOf(row)
  const path = template.replaceAll(/:([a-z_]+)/g, (_, name: string) =>
    encodeURIComponent(String(input[name])),
  )
  const search = new URLSearchParams(
    Object.entries(picked(input, query)).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString()
  return {
    method,
    path: search === "" ? path : `${path}?${search}`,
    ...(body.length === 0 ? {} : { body: picked(input, body) }),
  }
}
