import { Schema } from "effect"

/** A schema as a JSON Schema (draft 2020-12) that needs nothing else to be read. */
export const jsonSchemaOf = (schema: Schema.Constraint): object => {
  const { definitions, schema: own } = Schema.toJsonSchemaDocument(schema)
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    ...own,
    ...(Object.keys(definitions).length === 0 ? {} : { $defs: definitions }),
  }
}
