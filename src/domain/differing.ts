/**
 * The wanted values that are not already so, or undefined when all of them are. Values are JSON; lists are
 * compared by content.
 */
export const differing = <Wanted extends object>(
  wanted: Wanted,
  current: { readonly [Key in keyof Wanted]-?: unknown },
): Partial<Wanted> | undefined => {
  const keys = (Object.keys(wanted) as Array<keyof Wanted>).filter(
    (key) => wanted[key] !== undefined && JSON.stringify(wanted[key]) !== JSON.stringify(current[key]),
  )
  if (keys.length === 0) return undefined
  const changed: Partial<Wanted> = {}
  for (const key of keys) changed[key] = wanted[key]
  return changed
}
