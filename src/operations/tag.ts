/** The version of an answer, and in a word what it shows beyond the aggregate that has this version. */
interface Versioned {
  readonly version?: number | undefined
  readonly more?: string | undefined
}

/** The entity tag of an answer, which covers all that it shows; undefined where nothing has a version. */
export const tagOf = ({ more, version }: Versioned): string | undefined => {
  if (version === undefined) return undefined
  return more === undefined ? `"${version}"` : `"${version}-${more}"`
}

const VERSION = /^(\d{1,15})(?:-[a-z0-9-]+)?$/

/** The aggregate's version that an entity tag of ours names; 0, which nothing has, for any other. */
export const versionIn = (tag: string): number => Number(VERSION.exec(tag)?.[1] ?? 0)
