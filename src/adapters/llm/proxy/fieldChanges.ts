import { type Edit, eachElement, eachField } from "./jsonFields.ts"

/** The changes to a request's own fields. Each is there as often as its key is. */
export interface FieldChanges {
  readonly dropped: ReadonlySet<string>
  /** To the names that they get. */
  readonly renamed: ReadonlyMap<string, string>
  /** JSON, in place of what is there; a field that is not there is added. */
  readonly set: ReadonlyMap<string, string>
  /** Roles of `messages`, to those that stand in for them. */
  readonly roles: ReadonlyMap<string, string>
}

const roleEdits = (text: string, at: number, roles: FieldChanges["roles"]): ReadonlyArray<Edit> => {
  const edits: Array<Edit> = []
  eachElement(text, at, (message) => {
    eachField(text, message, (key, start, end) => {
      if (key !== "role" || text[start] !== '"') return
      const role = roles.get(String(JSON.parse(text.slice(start, end))))
      if (role !== undefined) edits.push({ start, end, text: JSON.stringify(role) })
    })
  })
  return edits
}

/**
 * The edits that make these changes in a request, whose text has one character a byte. Fields that are added come
 * first: from the same place others may be dropped. At least one field must stay.
 */
export const editsOf = (text: string, changes: FieldChanges): ReadonlyArray<Edit> => {
  const { dropped, renamed, roles, set } = changes
  const inside = text.indexOf("{") + 1
  const edits: Array<Edit> = []
  const missing = new Map(set)
  let isFirst = true
  let before = inside
  eachField(text, 0, (key, start, end, keyStart) => {
    if (dropped.has(key)) {
      // With the comma before it; the first ones with the comma behind them.
      const until = isFirst ? text.indexOf(",", end) + 1 : end
      edits.push({ start: before, end: until, text: "" })
      before = until
      return
    }
    isFirst = false
    before = end
    const name = renamed.get(key)
    if (name !== undefined) edits.push({ start: keyStart, end: start, text: `${JSON.stringify(name)}:` })
    const value = set.get(key)
    if (value !== undefined) {
      edits.push({ start, end, text: value })
      missing.delete(key)
    }
    if (key === "messages" && roles.size > 0) edits.push(...roleEdits(text, start, roles))
  })
  const added = Array.from(missing, ([key, value]) => ({
    start: inside,
    end: inside,
    text: `${JSON.stringify(key)}:${value},`,
  }))
  return [...added, ...edits]
}
