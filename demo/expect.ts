import { isDeepStrictEqual } from "node:util"

/** The story claimed something that did not happen. */
export class Mismatch extends Error {
  readonly claim: string
  readonly expected: string
  readonly found: string

  constructor(claim: string, expected: unknown, found: unknown) {
    super(claim)
    this.claim = claim
    this.expected = told(expected)
    this.found = told(found)
  }
}

const told = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing")

/** The number of claims that were checked so far. */
export let checked = 0

/** Goes on only if what was found is what the story says. */
export const expect = (claim: string, found: unknown, expected: unknown): void => {
  checked += 1
  if (!isDeepStrictEqual(found, expected)) throw new Mismatch(claim, expected, found)
}
