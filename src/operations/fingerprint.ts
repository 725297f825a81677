import type { Digest } from "../domain/Digest.ts"

/** The same text for everything that means the same: keys sorted, no white space. */
export const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join()}}`
}

/**
 * Tells one command from another under the same key: by the operation's name and its decoded input with defaults
 * filled in, whatever door it came by and however it was written. The prefix tells it from those of Crewlog 0.1.
 */
export const fingerprintOf = (digest: Digest["Service"], name: string, input: object): string =>
  `o1:${digest.sha256(`${name}\n${canonical(input)}`).slice(0, 16)}`
