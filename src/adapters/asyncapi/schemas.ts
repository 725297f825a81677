import { JsonSchema, Schema } from "effect"

type Schemas = Record<string, unknown>

/**
 * Collects JSON Schemas under `components` (draft 7, which AsyncAPI speaks), each name once, and gives
 * references to them.
 */
export const schemaCollection = () => {
  const components: Schemas = {}
  const moved = (schema: object): object =>
    JSON.parse(JSON.stringify(schema).replaceAll('"#/definitions/', '"#/components/schemas/'))
  const add = (name: string, schema: Schema.Constraint) => {
    const document = JsonSchema.toDocumentDraft07(Schema.toJsonSchemaDocument(schema))
    for (const [other, definition] of Object.entries(document.definitions)) {
      components[other] = moved(definition as object)
    }
    components[name] ??= moved(document.schema)
    return { $ref: `#/components/schemas/${name}` }
  }
  return { add, components }
}
