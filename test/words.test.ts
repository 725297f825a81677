import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")

/** The docstrings of a file, each on one line. */
const docstringsOf = (text: string) =>
  [...text.matchAll(/\/\*\*(.*?)\*\//gs)].map(([, comment = ""]) =>
    comment.replaceAll(/\s*\n\s*\*? ?/g, " ").trim(),
  )

/** Words that stand for a noun, or put a question: a docstring begins with the noun itself. */
const RIDDLE =
  /^(?:What|Whatever|Who|Whoever|Whom|Whose|Whether|How|It|Its|One|Where|When|Why|Which|Those|That)\b/

const riddlesIn = (text: string) => docstringsOf(text).filter((docstring) => RIDDLE.test(docstring))

/** As many docstrings may begin with such a word, and the number may only fall: lower it with each that is mended. */
const RIDDLES = 315

const sources = globSync("{src,chaos,bench,demo,test}/**/*.ts", {
  cwd: root,
  exclude: ["**/node_modules", "test/words.test.ts"],
}).map((path) => ({
  path,
  text: readFileSync(join(root, path), "utf8"),
}))

describe("docstrings", () => {
  it(`begin with the noun that they document, but for ${RIDDLES} of them`, () => {
    const found = sources.flatMap(({ path, text }) =>
      riddlesIn(text).map((docstring) => `${path}: ${docstring}`),
    )
    assert.isAtMost(found.length, RIDDLES, `one too many of these:\n${found.join("\n")}`)
  })

  it("are seen, on one line and on many, where they begin with a word that stands for another", () => {
    const text = `
      /** What a command came to. */
      /** The outcome of a command; who gave it is known. */
      /**
       * One of many
       * lines.
       */
      /** Whatsoever. */
    `
    assert.deepStrictEqual(riddlesIn(text), ["What a command came to.", "One of many lines."])
  })
})
