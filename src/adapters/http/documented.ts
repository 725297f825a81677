import { refusalCodes } from "../../operations/refusals.ts"

// OpenAPI as JSON: the parts that the routes' schemas can't say.
type Json = Record<string, unknown>

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null

/** Formats that a pattern alone does not tell a generator of clients. */
const formats: ReadonlyArray<readonly [part: string, format: string]> = [
  ["^[0-9a-f]{8}-[0-9a-f]{4}-", "uuid"],
  [String.raw`^\d{4}-\d\d-\d\dT`, "date-time"],
]

const formatOf = (pattern: unknown) =>
  typeof pattern === "string" ? formats.find(([part]) => pattern.startsWith(part))?.[1] : undefined

/** Text with a known pattern has a format as well. */
const formatted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(formatted)
  if (!isObject(value)) return value
  const all = Object.fromEntries(Object.entries(value).map(([name, one]) => [name, formatted(one)]))
  const patterns = [
    value["pattern"],
    ...(Array.isArray(value["allOf"]) ? value["allOf"] : []).map((one: Json) => one["pattern"]),
  ]
  const format =
    value["type"] === "string" ? patterns.map(formatOf).find((one) => one !== undefined) : undefined
  return format === undefined ? all : { ...all, format }
}

const refsIn = (value: unknown): ReadonlyArray<string> => {
  if (Array.isArray(value)) return value.flatMap(refsIn)
  if (!isObject(value)) return []
  const own =
    typeof value["$ref"] === "string" ? [value["$ref"].slice(value["$ref"].lastIndexOf("/") + 1)] : []
  return [...own, ...Object.values(value).flatMap(refsIn)]
}

const bodiesIn = (paths: unknown): ReadonlyArray<unknown> =>
  isObject(paths)
    ? Object.values(paths).flatMap((methods) =>
        isObject(methods)
          ? Object.values(methods).map((one) => (isObject(one) ? one["requestBody"] : undefined))
          : [],
      )
    : []

/** Objects that are closed: the server refuses a field that it does not know. */
const closed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(closed)
  if (!isObject(value)) return value
  const all = Object.fromEntries(Object.entries(value).map(([name, one]) => [name, closed(one)]))
  const isOpen = value["type"] === "object" && "properties" in value && !("additionalProperties" in value)
  return isOpen ? { ...all, additionalProperties: false } : all
}

/** Schemas that requests alone refer to say that they are closed. */
const withClosedRequests = (schemas: Json, paths: unknown): Json => {
  const reached = new Set<string>()
  const reach = (names: ReadonlyArray<string>) => {
    for (const name of names) {
      if (reached.has(name)) continue
      reached.add(name)
      reach(refsIn(schemas[name]))
    }
  }
  reach(refsIn(bodiesIn(paths)))
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [name, reached.has(name) ? closed(schema) : schema]),
  )
}

/** A single schema for each name: the generator numbers copies that differ in their status only. */
const merged = (spec: Json): Json => {
  const text = JSON.stringify(spec).replaceAll(/("#\/components\/schemas\/[A-Za-z]+)_\d+"/g, '$1"')
  const one: Json = JSON.parse(text)
  const components = isObject(one["components"]) ? one["components"] : {}
  const all = isObject(components["schemas"]) ? components["schemas"] : {}
  const schemas = Object.fromEntries(Object.entries(all).filter(([name]) => !/_\d+$/.test(name)))
  return { ...one, components: { ...components, schemas: withClosedRequests(schemas, one["paths"]) } }
}

/** Adds the token, formats and the codes of all refusals to the document of an interface. */
export const documented = (spec: Json): Json => {
  const { components, ...rest } = formatted(merged(spec)) as Json
  return {
    ...rest,
    components: {
      ...(components as Json),
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
    },
    "x-problem-codes": refusalCodes,
  }
}
