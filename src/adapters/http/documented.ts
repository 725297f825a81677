import { refusalCodes } from "../../operations/refusals.ts"

// OpenAPI as JSON: the parts that the routes' schemas can't say.
type Json = Record<string, unknown>

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null

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

/** The same without the word that there are no further fields: the generator says so of every object. */
const open = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(open)
  if (!isObject(value)) return value
  const { additionalProperties, ...rest } = value
  const all = Object.fromEntries(Object.entries(rest).map(([name, one]) => [name, open(one)]))
  return additionalProperties === false || additionalProperties === undefined
    ? all
    : { ...all, additionalProperties: open(additionalProperties) }
}

/** Bodies of requests are closed: the server refuses a field that it does not know. Answers may get more fields. */
const withOpenAnswers = (schemas: Json, paths: unknown): Json => {
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
    Object.entries(schemas).map(([name, schema]) => [name, reached.has(name) ? schema : open(schema)]),
  )
}

/** A single schema for each name: the generator numbers copies that differ in their status only. */
const merged = (spec: Json): Json => {
  const text = JSON.stringify(spec).replaceAll(/("#\/components\/schemas\/[A-Za-z]+)_\d+"/g, '$1"')
  const one: Json = JSON.parse(text)
  const components = isObject(one["components"]) ? one["components"] : {}
  const all = isObject(components["schemas"]) ? components["schemas"] : {}
  const schemas = Object.fromEntries(Object.entries(all).filter(([name]) => !/_\d+$/.test(name)))
  return { ...one, components: { ...components, schemas: withOpenAnswers(schemas, one["paths"]) } }
}

/** Adds the token and the codes of all refusals to the document of an interface. */
export const documented = (spec: Json): Json => {
  const { components, ...rest } = merged(spec)
  return {
    ...rest,
    components: {
      ...(components as Json),
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
    },
    "x-problem-codes": refusalCodes,
  }
}
