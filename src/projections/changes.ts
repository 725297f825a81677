/** A field of an aggregate that is not as it was; undefined where there was no such field. */
export interface FieldChange {
  readonly field: string
  readonly before: unknown
  readonly after: unknown
}

const isState = (state: unknown): state is Readonly<Record<string, unknown>> =>
  typeof state === "object" && state !== null

/** The fields that are left out: the one that only the roster is to see, and those that change with everything else. */
const LEFT_OUT: ReadonlySet<string> = new Set(["token_hash", "updated_at", "reserved"])

const fieldsOf = (state: unknown) => (isState(state) ? state : {})

/** The fields in which one state of an aggregate differs from an earlier one. `_tag` is the phase it is in. */
export const changesBetween = (before: unknown, after: unknown): ReadonlyArray<FieldChange> => {
  const [old, now] = [fieldsOf(before), fieldsOf(after)]
  return [...new Set([...Object.keys(old), ...Object.keys(now)])]
    .filter((field) => !LEFT_OUT.has(field) && JSON.stringify(old[field]) !== JSON.stringify(now[field]))
    .map((field) => ({ field, before: old[field], after: now[field] }))
}
