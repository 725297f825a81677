import { Effect, Layer } from "effect"
import { Receipts } from "../../commands/Receipts.ts"
import { Database } from "./Database.ts"
import { first, rowsOf, see } from "./seen.ts"

/** Old command ids, found in the history of their aggregate, or among those that changed nothing. Only those that clients chose: others are never repeated. */
export const layer: Layer.Layer<Receipts, never, Database> = Layer.effect(
  Receipts,
  Effect.map(Database, ({ ask }) =>
    Receipts.of({
      find: ({ id, type }, command) =>
        ask((sql) =>
          see<{ seq: number }>(
            sql,
            sql`select seq from history
              where command = ${command} and left(command, 1) <> ':' and id = ${id} and type = ${type}
            union all select seq from nothing_changed
              where command = ${command} and id = ${id} and type = ${type}
            order by seq limit 1`,
          ),
        ).pipe(
          Effect.map((found) => {
            const { seq: upTo, value } = first(rowsOf(found))
            return { seq: value?.seq, upTo }
          }),
        ),
    }),
  ),
)
