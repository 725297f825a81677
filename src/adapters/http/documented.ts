import { refusalCodes } from "../refusals.ts"

// OpenAPI as JSON: what the routes' schemas can't say.
type Json = Record<string, unknown>
interface Operation {
  parameters?: Array<Json>
  responses: Record<string, { headers?: Json }>
  security?: ReadonlyArray<Json>
}
type Spec = Json & {
  paths: Record<string, Record<string, Operation>>
  components: Json & { schemas: Json }
}

const text = { type: "string" }
const position = { type: "integer", minimum: 0 }
const header = (name: string, schema: Json, description: string) => ({
  name,
  in: "header",
  required: false,
  schema,
  description,
})

const always = [
  header("X-Request-Id", text, "What the request is called; generated when absent."),
  header("traceparent", text, "The W3C trace to continue."),
]
const onReads = [
  header("Crewlog-Min-Seq", position, "Wait until the read model shows this position, or 503."),
  header("If-None-Match", text, "304 when the version is still this one."),
]
const onCommands = [
  header(
    "Idempotency-Key",
    text,
    "1 to 200 printable ASCII characters. Repeated, it takes effect once and is answered as first.",
  ),
  header("Prefer", text, "`respond-async`: do not wait for the read model."),
]
const onChanges = [header("If-Match", text, "The version that the change is based on (412).")]
const onTasks = [
  header("Crewlog-Claim", position, "The claim on the task that the change is based on (409)."),
]

const answered = {
  "Crewlog-Seq": { schema: position, description: "The log position that the answer is the state of." },
  "X-Request-Id": { schema: text },
}
const versioned = { ETag: { schema: text, description: "The version of what is shown." } }
const projected = {
  "Crewlog-Projected": { schema: text, description: "`false`: accepted, but reads may not show it yet." },
}
const paged = { Link: { schema: text, description: 'The next page, as `<...>; rel="next"`.' } }

const headersOf = (path: string, method: string) => {
  if (method === "get") return [...always, ...onReads]
  const isNew = method === "post" && /\/(projects|tasks|messages|members|backends)\/?$/.test(path)
  const isOfTask = path.startsWith("/api/v1/tasks/")
  return [...always, ...onCommands, ...(isNew ? [] : onChanges), ...(isOfTask ? onTasks : [])]
}

/** Only the Gate answers so. */
const isGated = ({ responses }: Operation) => "401" in responses

const document = (path: string, method: string, operation: Operation) => {
  operation.parameters = [...(operation.parameters ?? []), ...headersOf(path, method)]
  operation.security = [{ bearer: [] }]
  for (const [status, response] of Object.entries(operation.responses)) {
    const isAnswer = status.startsWith("2")
    const more = method === "get" ? paged : projected
    response.headers = { ...response.headers, ...answered, ...(isAnswer ? { ...versioned, ...more } : {}) }
  }
}

/** One schema a name: the generator numbers copies that differ in their status only. */
const merged = (spec: Spec): Spec => {
  const text = JSON.stringify(spec).replaceAll(/("#\/components\/schemas\/[A-Za-z]+)_\d+"/g, '$1"')
  const one: Spec = JSON.parse(text)
  const schemas = Object.entries(one.components.schemas).filter(([name]) => !/_\d+$/.test(name))
  return { ...one, components: { ...one.components, schemas: Object.fromEntries(schemas) } }
}

/** Adds the token, the headers, and the codes of refusals to the document. */
export const documented = (spec: Json): Json => {
  const { components, paths, ...rest } = merged(spec as Spec)
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (isGated(operation)) document(path, method, operation)
    }
  }
  const codes = refusalCodes.map(([code, status, title]) => ({ code, status, title }))
  return {
    ...rest,
    paths,
    components: { ...components, securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
    "x-problem-codes": codes,
  }
}
