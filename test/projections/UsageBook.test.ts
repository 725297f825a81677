import { assert, describe, it } from "@effect/vitest"
import type { UsageRecord } from "../../src/domain/Usage.ts"
import { usageHour, usageNode, usageTask } from "../../src/projections/Usage.ts"
import { type SummedBatch, sumsOf, UsageBook } from "../../src/projections/UsageBook.ts"
import type { Row, Table } from "../../src/projections/Table.ts"
import { randomUsage, usageOf } from "../support/usage.ts"
import { hoursIn, tasksIn } from "./usages.ts"

/** The tables as a database would have them. */
class Rows {
  readonly #tables = new Map<Table, Map<string, Row>>()

  of(table: Table): Map<string, Row> {
    const known = this.#tables.get(table) ?? new Map<string, Row>()
    this.#tables.set(table, known)
    return known
  }

  /** The number of rows that were looked up. */
  count(book: UsageBook, batches: ReadonlyArray<SummedBatch>): number {
    let looked = 0
    const look = (table: Table, ids: ReadonlyArray<string>) => {
      looked += ids.length
      const found = ids.map((id) => this.of(table).get(id)).filter((row) => row !== undefined)
      book.remember(table, found)
    }
    look(usageNode, book.unknownNodes(batches))
    const sheet = book.sum(batches)
    for (const [table, ids] of book.missing(sheet)) look(table, ids)
    for (const { puts, table } of book.add(sheet).tables) {
      for (const row of puts) this.of(table).set(String(row["id"]), { ...row })
    }
    return looked
  }

  all(table: Table): ReadonlyArray<Row> {
    return [...this.of(table).values()].toSorted((one, other) =>
      String(one["id"]) < String(other["id"]) ? -1 : 1,
    )
  }
}

const batchesOf = (node: string, records: ReadonlyArray<UsageRecord>, size: number) =>
  Array.from({ length: Math.ceil(records.length / size) }, (_, index) => ({
    seq: index + 1,
    node,
    number: index + 1,
    sums: sumsOf(records.slice(index * size, (index + 1) * size)),
  }))

describe("the book of usage", () => {
  it.each(["one", "two", "three"])("adds up each record once, in whatever groups (%s)", (seed) => {
    const [some, more] = [randomUsage(`${seed} a`, 300), randomUsage(`${seed} b`, 300)]
    const batches = [...batchesOf("a", some, 7), ...batchesOf("b", more, 31)]
    const rows = new Rows()
    let book = new UsageBook()
    for (let at = 0; at < batches.length; at += 5) {
      // What was counted comes again, to a book that knows it and to one that has to look it up.
      rows.count(book, batches.slice(Math.max(0, at - 8), at + 5))
      if (at % 3 === 0) book = new UsageBook()
    }
    assert.deepStrictEqual(rows.all(usageHour), hoursIn([...some, ...more]))
    assert.deepStrictEqual(rows.all(usageTask), tasksIn([...some, ...more]))
    assert.deepStrictEqual(rows.all(usageNode), [
      { id: "a", number: 43 },
      { id: "b", number: 10 },
    ])
  })

  it("the book of usage looks every row up once", () => {
    const rows = new Rows()
    const book = new UsageBook()
    const [first, second] = batchesOf("a", [usageOf({ task: "TE-1" }), usageOf({ task: "TE-1" })], 1)
    assert.strictEqual(rows.count(book, [first!]), 3)
    assert.strictEqual(rows.count(book, [second!]), 0)
    assert.deepInclude(rows.all(usageHour)[0], { requests: 2, cost_nano_usd: 2_000_000 })
  })

  it("the book of usage makes no row that a table would not take", () => {
    const rows = new Rows()
    const wild = usageOf({ total_tokens: Number.MAX_SAFE_INTEGER, cost_usd: 1e300, latency_ms: 1e200 })
    rows.count(new UsageBook(), batchesOf("a", [wild, wild, wild], 2))
    assert.deepInclude(rows.all(usageHour)[0], {
      requests: 3,
      total_tokens: Number.MAX_SAFE_INTEGER,
      cost_nano_usd: Number.MAX_SAFE_INTEGER,
      latency_us: Number.MAX_SAFE_INTEGER,
    })
  })
})
