import { Schema } from "effect"
import type { AggregateType, Evolving } from "../domain/Aggregate.ts"
import { bigint, type Column, type Row, type Table, text } from "./Table.ts"

type Phase<State, Tag> = Extract<State, { readonly _tag: Tag }>

/** The columns: one for each field of the state's phase that is shown, no more and no fewer. */
type ColumnsOf<State> = { readonly [Field in Exclude<keyof State, "_tag" | "id">]-?: Column<State[Field]> }

/**
 * The table of an aggregate type: a row is the state (of the phase that is shown), plus the
 * sequence of its newest record. So the row is also where the fold goes on from.
 */
export interface StateTable<State> extends Table {
  readonly of: AggregateType
  /** Answers whether a state has a row; those that have none are not there yet, or no more. */
  readonly isShown: (state: State) => boolean
  /** The row of a state, or undefined when it has none. */
  readonly rowOf: (id: string, seq: number, state: State) => Row | undefined
  /** The state that a row is of. */
  readonly stateOf: (row: Row) => State
}

export const stateTable = <State extends { readonly _tag: string }, const Tag extends State["_tag"]>(
  aggregate: Pick<Evolving<State, never>, "type" | "state">,
  shown: Tag,
  columns: ColumnsOf<Phase<State, Tag>>,
  indices: ReadonlyArray<string>,
): StateTable<State> => {
  const decode = Schema.decodeUnknownSync(aggregate.state)
  return {
    name: aggregate.type,
    of: aggregate.type,
    columns: { id: text, seq: bigint, ...columns },
    key: ["id"],
    appendOnly: false,
    indices,
    isShown: ({ _tag }) => _tag === shown,
    rowOf: (id, seq, state) => (state._tag === shown ? { ...state, id, seq } : undefined),
    stateOf: (row) => decode({ ...row, _tag: shown }),
  }
}
