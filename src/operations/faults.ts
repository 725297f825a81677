import { SchemaAST, SchemaIssue } from "effect"
import { BadParameter, type Fault, InvalidInput, UnknownField } from "./EdgeRefusal.ts"
import { nearest } from "../domain/nearest.ts"

type Path = ReadonlyArray<PropertyKey>
type Faults = readonly [Fault, ...ReadonlyArray<Fault>]

/** Faults that are told; the rest shows when these are mended. */
const MOST = 20
const LONGEST = 300

const pathText = (path: Path) => path.map(String).join(".")

const namesOf = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  SchemaAST.isObjects(ast) ? ast.propertySignatures.map(({ name }) => String(name)) : []

/** Each field that a schema does not have, and those that it has at that place. */
const unknownIn = (issue: SchemaIssue.Issue, path: Path = []): ReadonlyArray<Fault> => {
  switch (issue._tag) {
    case "Pointer":
      return unknownIn(issue.issue, [...path, ...issue.path])
    case "Filter":
    case "Encoding":
      return unknownIn(issue.issue, path)
    case "Composite":
    case "AnyOf":
      return issue.issues.flatMap((one) => unknownIn(one, path))
    case "UnexpectedKey": {
      const meant = nearest(String(path.at(-1)), namesOf(issue.ast))
      const message = meant === undefined ? "is unknown" : `is unknown: did you mean ${meant}?`
      return [{ field: pathText(path).slice(0, LONGEST).toWellFormed(), message }]
    }
    default:
      return []
  }
}

const isUnknown = (issue: SchemaIssue.Leaf) => issue._tag === "UnexpectedKey"
const formatted = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => (isUnknown(issue) ? "" : SchemaIssue.defaultLeafHook(issue)),
})
const segment = (part: PropertyKey | { readonly key: PropertyKey }) =>
  typeof part === "object" ? part.key : part

const misfitsIn = (issue: SchemaIssue.Issue): ReadonlyArray<Fault> =>
  formatted(issue)
    .issues.filter(({ message }) => message !== "")
    .map(({ message, path = [] }) => ({
      field: pathText(path.map(segment)) || "body",
      message: message.length > LONGEST ? `${message.slice(0, LONGEST)} ...` : message,
    }))

const some = (faults: ReadonlyArray<Fault>): Faults => {
  const [first = { field: "body", message: "can't be read" }, ...rest] = faults.slice(0, MOST)
  return [first, ...rest]
}

/** The refusal of a path, query or header that does not fit its schema. */
export const badParameter = (issue: SchemaIssue.Issue): BadParameter =>
  new BadParameter({ errors: some([...misfitsIn(issue), ...unknownIn(issue)]) })

/** The refusal of a body that does not fit its schema; the values that were sent are never told. */
export const unfitBody = (issue: SchemaIssue.Issue): InvalidInput | UnknownField => {
  const misfits = misfitsIn(issue)
  const unknown = unknownIn(issue)
  return misfits.length === 0 && unknown.length > 0
    ? new UnknownField({ errors: some(unknown) })
    : new InvalidInput({ errors: some([...misfits, ...unknown]) })
}
