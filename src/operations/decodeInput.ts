import { Effect, Schema, Struct } from "effect"
import { unfitBody } from "./faults.ts"
import type { Fields } from "./Operation.ts"
import type { AnyOperation } from "./operations.ts"

/** Everything is told at once, and a field that nothing reads is a fault: it was meant to do something. */
export const strictly = { errors: "all", onExcessProperty: "error" } as const

const Shown = Schema.Unknown.annotate({ description: "As it was shown; nothing looks at it." })

/** Fields beside those that are read that an answer shows: a client may send them back, and nothing looks at them. */
export const shownOnly = <Requirements>(
  row: AnyOperation<Requirements>,
  read: ReadonlyArray<string>,
): Fields => {
  const shown = row.kind === "command" ? (row.shown ?? {}) : {}
  const only = Object.keys(Struct.omit(shown, read))
  return Object.fromEntries(only.map((name) => [name, Schema.optionalKey(Shown)]))
}

/** The input's schema as documents show it: an object also where it has no fields. */
export const inputSchema = <Requirements>({
  input,
}: AnyOperation<Requirements>): Schema.Codec<unknown, unknown> =>
  Object.keys(input).length === 0 ? Schema.Record(Schema.String, Schema.Never) : Schema.Struct(input)

/** The part of what was sent that an operation reads. */
const pickInput = <Requirements>(row: AnyOperation<Requirements>, sent: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(sent).filter(([name]) => Object.hasOwn(row.input, name)))

/** Reads an operation's input where it comes as one object. */
export const decoderOf = <Requirements>(row: AnyOperation<Requirements>) => {
  const decode = Schema.decodeUnknownEffect(
    Schema.Struct({ ...shownOnly(row, Object.keys(row.input)), ...row.input }),
    strictly,
  )
  return (sent: unknown) =>
    decode(sent).pipe(
      Effect.mapError(({ issue }) => unfitBody(issue)),
      Effect.map((read) => pickInput(row, read)),
    )
}
