import { assert, describe, it } from "vitest"
import { globSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"

type Imports = ReadonlyMap<string, ReadonlyArray<string>>

const SPECIFIER = /^(?:import|export)\s[^"';]*?from\s+"(\.[^"]+)"/gm

const importsOf = (file: string): ReadonlyArray<string> =>
  [...readFileSync(file, "utf8").matchAll(SPECIFIER)].map(([, specifier = ""]) =>
    normalize(join(dirname(file), specifier)),
  )

/** The first way from a file back to itself, if there is one. */
const circlesIn = (imports: Imports): ReadonlyArray<string> => {
  const done = new Set<string>()
  const circles: Array<string> = []
  const walk = (file: string, way: ReadonlyArray<string>) => {
    const at = way.indexOf(file)
    if (at >= 0) return void circles.push([...way.slice(at), file].join(" > "))
    if (done.has(file)) return
    for (const next of imports.get(file) ?? []) walk(next, [...way, file])
    done.add(file)
  }
  for (const file of imports.keys()) walk(file, [])
  return circles
}

describe("imports", () => {
  it("go in no circle, not even for types alone", () => {
    const files = globSync("src/**/*.ts")
    assert.isAbove(files.length, 300)
    const imports = new Map(files.map((file) => [normalize(file), importsOf(file)]))
    const edges = [...imports.values()].reduce((all, some) => all + some.length, 0)
    assert.isAbove(edges, 1000)
    assert.deepStrictEqual(circlesIn(imports), [])
  })

  it("imports are seen to go in a circle where they do", () => {
    const imports = new Map([
      ["a", ["b"]],
      ["b", ["c", "d"]],
      ["c", ["a"]],
      ["d", []],
    ])
    assert.deepStrictEqual(circlesIn(imports), ["a > b > c > a"])
  })
})
