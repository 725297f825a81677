import type { Stray } from "../../domain/Line.ts"
import type { Model, Parked, Transaction } from "../../projections/Store.ts"
import { bigint, defineTable, json, type RowOf, text } from "../../projections/Table.ts"
import { put, remove, Writes } from "../../projections/Writes.ts"
import { type Part, putAll, removeAll } from "./statements.ts"

/** Records that could not be projected, and those that wait behind them. */
export const parked = defineTable({
  name: "parked",
  columns: { model: text, seq: bigint, type: text, id: text, record: json<unknown>(), error: text },
  key: ["model", "seq"],
  appendOnly: false,
  indices: [],
})

/** Messages on the log that are no records. */
export const stray = defineTable({
  name: "stray",
  columns: { model: text, seq: bigint, subject: text, reason: text },
  key: ["model", "seq"],
  appendOnly: false,
  indices: [],
})

/** The row of a stray message. */
export const strayRow = (
  model: Pick<Model, "name">,
  { seq, stray: { reason, subject } }: Stray,
): RowOf<typeof stray> => ({ model: model.name, seq, subject: storable(subject), reason })

/**
 * A whole transaction as one statement. It begins with the fence, an update of the checkpoint that
 * hits one row if this is still the newest term and nobody has moved the checkpoint; all else is
 * written only if it did. So it is atomic and fenced wherever it runs, also on a connection that
 * the driver made anew in between. Answers with one row if it was written, else with none.
 */
export const commitStatement = (
  model: Model,
  epoch: number,
  { expired, from, park = [], strays = [], to, unpark = [], writes }: Transaction,
): { readonly text: string; readonly parameters: Array<string> } => {
  const fence: Part = {
    shape: "fence",
    parameters: [String(to.seq), to.hash, to.log, model.name, String(epoch), String(from)],
    text: () =>
      "update checkpoint set seq = $1, hash = $2, log = $3 where name = $4 and epoch = $5 and seq = $6 returning seq",
  }
  const tables = [...writes, ...asideWrites(model, park, strays, unpark)]
  const parts = [
    fence,
    ...tables.flatMap(({ puts, removes, table }) => [
      ...(puts.length === 0 ? [] : [putAll(table, puts, FENCED)]),
      ...(removes.length === 0 ? [] : [removeAll(table, removes, FENCED)]),
    ]),
    ...(expired === undefined ? [] : [expire(expired)]),
  ]
  return together(parts)
}

const FENCED = "exists (select from p0)"

const together = (parts: ReadonlyArray<Part>) => ({
  text: textOf(parts),
  parameters: parts.flatMap(({ parameters }) => parameters),
})

/** Most commits write the same few tables: to make their text anew each time cost more than all else here. */
const texts = new Map<string, string>()

const textOf = (parts: ReadonlyArray<Part>): string => {
  const shape = parts.map((part) => part.shape).join("\n")
  const known = texts.get(shape)
  if (known !== undefined) return known
  let first = 1
  const each = parts.map((part, index) => {
    const text = part.text(first)
    first += part.parameters.length
    return `p${index} as (${text})`
  })
  const text = `with ${each.join(",\n")}\nselect seq from p0`
  texts.set(shape, text)
  return text
}

/**
 * Frames from before a time go, but the newest of them, which marks up to where they are gone. A
 * statement does not see what it writes itself, so a batch's own old frames are not looked at: they
 * are the caller's business. Times never go back along the feed, so both look-ups are short walks.
 */
const expire = ({ before, mark }: NonNullable<Transaction["expired"]>): Part => ({
  shape: "expire",
  parameters: [before, String(mark ?? "")],
  text: (first) => `
    delete from feed where ${FENCED} and seq < coalesce(
      nullif($${first + 1}::text, '')::bigint,
      (select old.seq from feed old where old.seq < coalesce(
          (select kept.seq from feed kept where kept.at >= $${first}::timestamptz order by kept.seq, kept.idx limit 1),
          9223372036854775807)
        order by old.seq desc limit 1))`,
})

const asideWrites = (
  model: Model,
  park: ReadonlyArray<Parked>,
  strays: ReadonlyArray<Stray>,
  unpark: ReadonlyArray<number>,
) => {
  const writes = new Writes()
  for (const { error, recorded } of park) {
    const { record, seq, subject } = recorded
    const { id, type } = subject
    writes.add(put(parked, { model: model.name, seq, type, id, record, error: storable(error) }))
  }
  for (const one of strays) writes.add(put(stray, strayRow(model, one)))
  for (const seq of unpark) writes.add(remove(parked, { model: model.name, seq }))
  return writes.tables
}

/** An error may quote the very text that PostgreSQL would not store. */
const storable = (error: string) => error.toWellFormed().replaceAll("\0", "\u{fffd}")
