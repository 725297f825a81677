import { assert, describe, it } from "@effect/vitest"
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"

const root = join(import.meta.dirname, "../..")
const textOf = (path: string) => readFileSync(join(root, path), "utf8")
const filesLike = (pattern: string) =>
  globSync(pattern, { cwd: root, exclude: ["**/node_modules", ".git", ".tools", ".crewlog"] })

const documents = filesLike("**/*.md")
const code = filesLike("{src,test,bench,chaos,demo,infra,docs}/**/*.{ts,mjs,sh}")

const FENCED = /^```.*?^```$/gms
const CODE = /`[^`\n]*`/g

/** The headings of a document, without their marks. */
const headingsOf = (path: string) =>
  [
    ...textOf(path)
      .replaceAll(FENCED, "")
      .matchAll(/^#+ (.+)$/gm),
  ].map(([, heading = ""]) => heading)

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-")

const leadsSomewhere = (from: string, target: string): boolean => {
  const [path = "", anchor] = target.split("#")
  const file = path === "" ? from : normalize(join(dirname(from), path))
  if (!existsSync(join(root, file))) return false
  return anchor === undefined || headingsOf(file).map(anchorOf).includes(anchor)
}

/** Links within the repository. */
const linksIn = (path: string) =>
  [
    ...textOf(path)
      .replaceAll(FENCED, "")
      .replaceAll(CODE, "")
      .matchAll(/\]\(([^)\s]+)\)/g),
  ]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target))

const SOURCE = /^(?:[\w.-]+\/)+[\w.-]+\.(?:ts|mjs|md|json|svg)$/

/** Files that a document names without a link, as `src/config.ts`. */
const namedIn = (path: string) =>
  [...textOf(path).replaceAll(FENCED, "").matchAll(CODE)]
    .map(([text]) => text.slice(1, -1))
    .filter((text) => SOURCE.test(text))

/** Files that a run leaves behind. */
const MADE = new Set(["bench/latest.json"])

const isNamedRightly = (from: string, name: string) =>
  MADE.has(name) || ["", "src", dirname(from)].some((folder) => existsSync(join(root, folder, name)))

/** A place in a document, as a comment names it: `section 6`, `rule 2`, `P5`, or a word of a heading. */
const PLACE = /^(?:,? (?:section|§) ?(\d+)|,? rules? (\d+)(?:-(\d+))?|,? (P\d+)\b|, (`[\w-]+`|[A-Z][\w ]*\w))/

const hasPlace = (document: string, rest: string): boolean => {
  const [, section, rule, lastRule, promise, word] = PLACE.exec(rest) ?? []
  const text = textOf(document)
  const hasItem = (number: string | undefined) => number === undefined || text.includes(`\n${number}. `)
  if (section !== undefined) return headingsOf(document).some((heading) => heading.startsWith(`${section}. `))
  if (rule !== undefined) return hasItem(rule) && hasItem(lastRule)
  if (promise !== undefined) return text.includes(`| ${promise} |`)
  return word === undefined || headingsOf(document).some((heading) => heading.includes(word))
}

/** The documents that a file of code names, and what follows the name; comments as they would be on one line. */
const citationsIn = (path: string) => {
  const text = textOf(path).replaceAll(/\n\s*(?:\*(?!\/)|\/\/) ?/g, " ")
  return [...text.matchAll(/([\w./-]*[\w-]\.md)\b([^\n]{0,80})/g)].map(([, name = "", rest = ""]) => ({
    name,
    rest,
  }))
}

const FOLDERS = ["", "docs", "docs/runbooks", "docs/decisions"]

const documentOf = (from: string, name: string) =>
  [...FOLDERS, dirname(from)]
    .map((folder) => normalize(join(folder, name)))
    .find((path) => existsSync(join(root, path)))

const isCitedRightly = (from: string, { name, rest }: { readonly name: string; readonly rest: string }) => {
  const document = documentOf(from, name)
  return document !== undefined && hasPlace(document, rest)
}

describe("the documents", () => {
  it("the documents have no link that leads nowhere, be it to a file or to a heading", () => {
    const links = documents.flatMap((path) => linksIn(path).map((target) => ({ path, target })))
    assert.isAtLeast(links.length, 50)
    assert.deepStrictEqual(
      links.filter(({ path, target }) => !leadsSomewhere(path, target)),
      [],
    )
  })

  it("the documents name no file that is not there", () => {
    const names = documents.flatMap((path) => namedIn(path).map((name) => ({ path, name })))
    assert.isAtLeast(names.length, 10)
    assert.deepStrictEqual(
      names.filter(({ name, path }) => !isNamedRightly(path, name)),
      [],
    )
  })

  it("the documents have every section, rule and promise that the code cites", () => {
    const citations = code.flatMap((path) => citationsIn(path).map((citation) => ({ path, ...citation })))
    assert.isAtLeast(citations.length, 50)
    assert.deepStrictEqual(
      citations.filter((citation) => !isCitedRightly(citation.path, citation)),
      [],
    )
  })

  it("the documents are found wanting where a link, a name or a citation is wrong", () => {
    assert.isFalse(leadsSomewhere("docs/glossary.md", "../src/domain/Nowhere.ts"))
    assert.isFalse(leadsSomewhere("README.md", "docs/architecture.md#15-nowhere"))
    assert.isTrue(leadsSomewhere("README.md", "docs/architecture.md#1-the-log"))
    const cited = (name: string, rest: string) => isCitedRightly("src/main.ts", { name, rest })
    const right = [" section 14).", ", section 2;", ", Durability). More", ") and more", "."]
    const wrong = [" section 15)", " P1", ", rule 40", ", rules 1-40", ", Nowhere)"]
    assert.deepStrictEqual(
      [...right, ...wrong].filter((rest) => cited("architecture.md", rest)),
      right,
    )
    assert.isTrue(cited("promises.md", " P10)"))
    assert.isFalse(cited("promises.md", " P11)"))
    assert.isTrue(cited("gateway.md", ", rules 1-10 of it"))
    assert.isFalse(cited(["nowhere", "md"].join("."), ")"))
  })
})
