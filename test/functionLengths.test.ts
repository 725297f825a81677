import { assert, describe, it } from "vitest"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

const MOST = 70

/** The functions of more than 70 lines that may be there, by the declaration that they stand in: none. */
const known: Readonly<Record<string, number>> = {}

/** The rule that counts: an inner function's lines belong to the outer one as well. */
const RULES = {
  plugins: [],
  categories: { correctness: "off" },
  rules: { "eslint/max-lines-per-function": ["error", { max: MOST, IIFEs: true }] },
}

interface Diagnostic {
  readonly message: string
  readonly filename: string
  readonly labels: ReadonlyArray<{ readonly span: { readonly line: number } }>
}

const DECLARATION = /^(?:export )?(?:const|class|function\*?|async function) (\w+)/

/** The name of the declaration at the file's outermost level that a line belongs to. */
const holderOf = (lines: ReadonlyArray<string>, line: number): string =>
  lines
    .slice(0, line)
    .findLast((text) => DECLARATION.test(text))
    ?.match(DECLARATION)?.[1] ?? "?"

/** Every function of more than 70 lines in a folder, as `file holder`, with its lines; the longest where there are several. */
const longFunctions = (folder: string, files = "."): Readonly<Record<string, number>> => {
  const place = mkdtempSync(join(tmpdir(), "crewlog-lengths-"))
  try {
    const config = join(place, "rules.json")
    writeFileSync(config, JSON.stringify(RULES))
    const { stdout } = spawnSync(
      resolve("node_modules/.bin/oxlint"),
      ["-c", config, "--format=json", files],
      {
        cwd: folder,
        encoding: "utf8",
        maxBuffer: 2 ** 26,
      },
    )
    const { diagnostics } = JSON.parse(stdout) as { readonly diagnostics: ReadonlyArray<Diagnostic> }
    const found: Record<string, number> = {}
    for (const { filename, labels, message } of diagnostics) {
      const lines = readFileSync(join(folder, filename), "utf8").split("\n")
      const name = `${filename} ${holderOf(lines, labels[0]?.span.line ?? 0)}`
      found[name] = Math.max(found[name] ?? 0, Number(/\((\d+)\)/.exec(message)?.[1]))
    }
    return found
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

/** Sentences about all that is not as the list says. */
const complaints = (found: Readonly<Record<string, number>>, list: Readonly<Record<string, number>>) =>
  [...new Set([...Object.keys(found), ...Object.keys(list)])].flatMap((name) => {
    const [now, before] = [found[name], list[name]]
    if (now === before) return []
    if (now === undefined) return [`${name} is short now: take it off the list`]
    if (before === undefined) return [`${name} has a function of ${now} lines, and ${MOST} is the most`]
    return [now > before ? `${name} grew from ${before} to ${now} lines` : `${name} shrank: write ${now}`]
  })

const body = (lines: number) => "  void 0\n".repeat(lines - 2)
const shapes = (lines: number): ReadonlyArray<string> => [
  `export function plain() {\n${body(lines)}}`,
  `export async function* generator() {\n${body(lines)}}`,
  `export const arrow = () => {\n${body(lines)}}`,
  `export const made = Effect.fnUntraced(function* () {\n${body(lines)}})`,
  `export class Holder {\n  method() {\n${body(lines)}}\n}`,
  `export class Getter {\n  get value() {\n${body(lines)}}\n}`,
  `export class Layered {\n  static readonly layer = Layer.effect(\n    Effect.gen(function* () {\n${body(lines)}}))\n}`,
  `export const service = {\n  read: async () => {\n${body(lines)}},\n}`,
  `void (() => {\n${body(lines)}})()`,
]

describe("functions", () => {
  it("functions have at most 70 lines", () => {
    assert.deepStrictEqual(complaints(longFunctions(".", "src"), known), [])
  })

  it("of every shape are counted", () => {
    const place = mkdtempSync(join(tmpdir(), "crewlog-shapes-"))
    try {
      for (const lines of [MOST, MOST + 1]) {
        shapes(lines).forEach((text, index) =>
          writeFileSync(join(place, `${lines}-${index}.ts`), `${text}\n`),
        )
      }
      const found = longFunctions(place)
      assert.sameMembers(
        Object.keys(found).map((name) => name.split(" ")[0]),
        shapes(MOST + 1).map((_, index) => `${MOST + 1}-${index}.ts`),
      )
      assert.sameMembers([...new Set(Object.values(found))], [MOST + 1])
      assert.property(found, `${MOST + 1}-6.ts Layered`)
    } finally {
      rmSync(place, { recursive: true, force: true })
    }
  })

  it("that are new, longer, shorter or gone are told apart", () => {
    const list = { "a.ts one": 90, "b.ts two": 80, "c.ts three": 75, "d.ts four": 71 }
    const found = { "a.ts one": 91, "b.ts two": 79, "d.ts four": 71, "e.ts five": 72 }
    assert.deepStrictEqual(complaints(found, list), [
      "a.ts one grew from 90 to 91 lines",
      "b.ts two shrank: write 79",
      "e.ts five has a function of 72 lines, and 70 is the most",
      "c.ts three is short now: take it off the list",
    ])
  })
})
