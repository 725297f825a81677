import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")

/** The files of a folder but this one, which holds examples of everything that it looks for. */
const filesIn = (folder: string) =>
  globSync(`${folder}/**/*.ts`, { cwd: root, exclude: ["**/node_modules", "test/words.test.ts"] }).map(
    (path) => ({ path, text: readFileSync(join(root, path), "utf8") }),
  )
type Find = (text: string) => ReadonlyArray<string>

/** Everything that is found in these files, each after its path. */
const foundIn = (folders: ReadonlyArray<string>, find: Find) =>
  folders.flatMap(filesIn).flatMap(({ path, text }) => find(text).map((found) => `${path}: ${found}`))

/** Words that stand for a noun, or put a question: a docstring begins with the noun itself. */
const RIDDLE =
  /^(?:What|Whatever|Who|Whoever|Whom|Whose|Whether|How|It|Its|One|Where|When|Why|Which|Those|That)\b/

/** Docstrings, each on one line, that begin with such a word. */
const riddlesIn: Find = (text) =>
  [...text.matchAll(/\/\*\*(.*?)\*\//gs)]
    .map(([, comment = ""]) => comment.replaceAll(/\s*\n\s*\*? ?/g, " ").trim())
    .filter((docstring) => RIDDLE.test(docstring))

const COMMENT = /\/\*.*?\*\/|\/\/[^\n]*/gs
const LETTER =
  /<(?:\s*(?:const )?[A-Z]\b[^<>()]*(?:<[^<>]*>)?[^<>()]*)>\s*\(|(?:interface|type|class) \w+<[A-Z]\b/g

/** Type parameters of one letter, where they are declared or given. */
const lettersIn: Find = (text) =>
  [...text.replaceAll(COMMENT, "").matchAll(LETTER)].map(([found]) => found.replaceAll(/\s+/g, " "))

/** Verbs that a test's name begins with when its subject stands in `describe` alone. */
const VERB =
  /^(?:is|are|was|were|has|have|does|do|can|can't|may|must|never|gives?|goes|comes?|takes?|tells?|says?|keeps?|makes?|answers?|refuses?|ends?|begins?|starts?|counts?|reads?|writes?|shows?|waits?|asks?|finds?|lets?|leaves?|knows?|puts?|sends?|stops?|tries|stays?|follows?|holds?|needs?|names|passes|prints|records|serves|drops|changes|works|sees|hears|lists|opens|closes|moves|fails)\b/

const NAME = /^\s*(?:it|test|fresh)(?:\.\w+)*\(\s*(["`])(.+?)\1/gm

const fragmentsIn: Find = (text) =>
  [...text.matchAll(NAME)].map(([, , name = ""]) => name).filter((name) => VERB.test(name))

/** Functions with a name, at any depth: `const name = (...) =>`, `= Effect.fn...`, `function name`. */
const FUNCTION =
  /^[ \t]*(?:export )?(?:const (\w+)(?:\s*:[^=\n]+)? =\s*(?:Effect\.fn(?:Untraced)?\b|(?:async )?(?:<[^=]*?>\s*)?\([^()]*(?:\([^()]*\)[^()]*)*\)(?:\s*:\s*[^=\n]+)?\s*=>|(?:async )?\w+ =>)|(?:async )?function\*? (\w+))/gm

/** Names that two functions of one file have. */
const namesakesIn: Find = (text) => {
  const names = [...text.replaceAll(COMMENT, "").matchAll(FUNCTION)].map(
    ([, arrow, named]) => arrow ?? named ?? "",
  )
  return [...new Set(names.filter((name, at) => names.indexOf(name) !== at))]
}

describe("words", () => {
  it("all files are read", () => {
    assert.isAbove(filesIn("src").length, 300)
    assert.isAbove(filesIn("test").length, 150)
  })

  it("docstrings begin with the noun that they document", () => {
    assert.deepStrictEqual(foundIn(["src", "chaos", "bench", "demo", "test"], riddlesIn), [])
  })

  it("type parameters are words", () => {
    assert.deepStrictEqual(foundIn(["src"], lettersIn), [])
  })

  it("names of tests are whole in `it`", () => {
    assert.deepStrictEqual(foundIn(["test"], fragmentsIn), [])
  })

  it("names of functions are for one function of a file", () => {
    assert.deepStrictEqual(foundIn(["src"], namesakesIn), [])
  })

  it("names that two functions have are found", () => {
    const text = `
      const first = (one: string): string => one
      export const second = Effect.fnUntraced(function* () {
        const first = async <Item>(item: Item) => item
        const third = (give: (one: number) => void) => give(1)
      })
      function* second() {}
      // const third = () => {}
      const third = [1].map((one) => one)
    `
    assert.deepStrictEqual(namesakesIn(text), ["first", "second"])
  })

  it("docstrings, type parameters and names of tests are found where they are wrong", () => {
    const text = `
      /** What a command came to. */
      /** The outcome of a command; who gave it is known. */
      /**
       * One of many
       * lines, not <A>(b).
       */
      const first = <A, Error>(all: ReadonlyArray<A>) => all
      const second = <Item>(all: ReadonlyArray<Item>) => all
      interface Third<T> {}
      it("is found", () => {})
      it.live("a task is found", () => {})
    `
    assert.deepStrictEqual(riddlesIn(text), ["What a command came to.", "One of many lines, not <A>(b)."])
    assert.deepStrictEqual(lettersIn(text), ["<A, Error>(", "interface Third<T"])
    assert.deepStrictEqual(fragmentsIn(text), ["is found"])
  })
})
