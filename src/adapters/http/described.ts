import type { AnyOperation } from "../../operations/operations.ts"
import { codesOf } from "../../operations/refusals.ts"
import { refusalsOf } from "../../operations/refusalsOf.ts"
import { placesOf, type Routed } from "./placesOf.ts"

type Json = Record<string, unknown>

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
  header("X-Request-Id", text, "The name of the request; generated when absent."),
  header("traceparent", text, "The W3C trace to continue."),
]
const onQuestions = [
  header("Crewlog-Min-Seq", position, "Wait until the read model shows this position, or 503."),
]
const onVersions = [header("If-None-Match", text, "304 when the version is still this one.")]
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

/** The headers that a request may have, from what its row says. */
const headersOf = <Requirements>(row: AnyOperation<Requirements>) => {
  if (row.kind === "watch") return always
  if (row.kind === "question") {
    return [...always, ...(row.from === "tables" ? onQuestions : []), ...(hasVersion(row) ? onVersions : [])]
  }
  return [
    ...always,
    ...onCommands,
    ...(row.of === undefined ? [] : onChanges),
    ...(row.of?.type === "task" ? onTasks : []),
  ]
}

/** Questions about one thing show its version. */
const hasVersion = <Requirements>(row: AnyOperation<Requirements>) =>
  row.kind === "command" ? row.isVersioned === true : row.kind === "question" && row.isVersioned === true

const answerHeaders = <Requirements>(row: AnyOperation<Requirements>): Json => {
  const isPaged = row.kind === "question" && ("cursor" in row.input || "after" in row.input)
  return {
    ...(row.kind === "question" && row.from === "usage"
      ? {}
      : {
          "Crewlog-Seq": {
            schema: position,
            description: "The log position that the answer is the state of.",
          },
        }),
    "X-Request-Id": { schema: text },
    ...(hasVersion(row) ? { ETag: { schema: text, description: "The version of what is shown." } } : {}),
    ...(isPaged ? { Link: { schema: text, description: 'The next page, as `<...>; rel="next"`.' } } : {}),
    ...(row.kind === "command"
      ? {
          "Crewlog-Projected": {
            schema: text,
            description: "`false`: accepted, but reads may not show it yet.",
          },
        }
      : {}),
  }
}

const problemContent = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } }

/** Every refusal of the route under its status, with its codes. */
const refusalsBy = <Requirements>(row: Routed<Requirements>): Json => {
  const [, path] = row.rest
  const codes = refusalsOf(row, path.startsWith("/api/v1/") ? "rest" : "gateway").flatMap(codesOf)
  const byStatus = Map.groupBy(codes, ({ status }) => status)
  return Object.fromEntries(
    [...byStatus]
      .toSorted(([one], [other]) => one - other)
      .map(([status, some]) => [
        String(status),
        {
          description: some.map(({ code, title }) => `\`${code}\`: ${title}.`).join(" "),
          headers: { "Crewlog-Seq": { schema: position }, "X-Request-Id": { schema: text } },
          content: problemContent,
          "x-problem-codes": some.map(({ code }) => code),
        },
      ]),
  )
}

interface Operation {
  parameters?: ReadonlyArray<Json & { readonly name: string; readonly in: string }>
  requestBody?: { readonly content: Record<string, Json> }
  responses: Record<string, Json & { readonly content?: Record<string, Json> }>
}

const exemplified = (content: Record<string, Json> | undefined, example: unknown) =>
  content === undefined || example === undefined
    ? {}
    : {
        content: Object.fromEntries(
          Object.entries(content).map(([type, one]) => [type, { ...one, example }]),
        ),
      }

/** Adds what a row says beside its schemas to its operation in OpenAPI: headers, refusals, examples, who may. */
export const described =
  <Requirements>(row: Routed<Requirements>) =>
  (made: Record<string, unknown>): Record<string, unknown> => {
    const operation = made as unknown as Operation
    const { body } = placesOf(row)
    const example: Json = { ...row.example.input }
    const sent = Object.fromEntries(Object.entries(example).filter(([name]) => body.includes(name)))
    const parameters = (operation.parameters ?? []).map((one) =>
      one.name in example ? { ...one, example: example[one.name] } : one,
    )
    const [, , status] = row.rest
    const answer = operation.responses[String(status)] ?? {}
    return {
      ...made,
      description: `${row.description}\n\n${row.may.says}`,
      parameters: [...parameters, ...headersOf(row)],
      security: [{ bearer: [] }],
      ...(operation.requestBody === undefined
        ? {}
        : { requestBody: { ...operation.requestBody, ...exemplified(operation.requestBody.content, sent) } }),
      responses: {
        [status]: {
          ...answer,
          description: row.summary,
          headers: answerHeaders(row),
          ...exemplified(answer.content as Record<string, Json> | undefined, row.example.output),
        },
        ...refusalsBy(row),
      },
    }
  }
