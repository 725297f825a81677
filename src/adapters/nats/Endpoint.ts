import type { AnyOperation } from "../../operations/operations.ts"
import { inputSchema } from "../../operations/decodeInput.ts"
import { jsonSchemaOf } from "../../operations/jsonSchema.ts"

/** Any number of nodes share the work. */
export const QUEUE = "crewlog"

/** The subject that all agents' calls of one operation come in on. */
const subjectOf = (name: string): string => `crew.cmd.*.${name}`

/** An operation as the service protocol shows it (ADR-32), and how it has been doing. */
export interface Endpoint {
  readonly name: string
  readonly subject: string
  readonly queue_group: string
  readonly metadata: Readonly<Record<string, string>>
  requests: number
  errors: number
  lastError: string
  /** Nanoseconds, all requests together. */
  processingTime: number
}

export const endpointOf = <Requirements>(
  row: Exclude<AnyOperation<Requirements>, { readonly kind: "watch" }>,
): Endpoint => ({
  name: row.name.replaceAll(".", "-"),
  subject: subjectOf(row.name),
  queue_group: QUEUE,
  metadata: {
    summary: row.summary,
    request: JSON.stringify(jsonSchemaOf(inputSchema(row))),
    ...(row.output === undefined ? {} : { response: JSON.stringify(jsonSchemaOf(row.output)) }),
  },
  requests: 0,
  errors: 0,
  lastError: "",
  processingTime: 0,
})
