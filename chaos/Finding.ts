/** The verdict of a run on one promise. */
export interface Finding {
  /** "P1" to "P10". */
  readonly promise: string
  readonly what: string
  /** The counts of everything that was done and seen. */
  readonly counts: Readonly<Record<string, number>>
  /** Counts that have to be reached: a run whose faults did not bite shows nothing. */
  readonly atLeast?: Readonly<Record<string, number>>
  /** Counts that may not be exceeded, such as milliseconds of unavailability. */
  readonly atMost?: Readonly<Record<string, number>>
  /** The ways in which the promise was broken. */
  readonly broken: ReadonlyArray<string>
  /** The reason why this machine can't make the fault: nothing was shown. */
  readonly impossible?: string
}

export type Verdict = "kept" | "BROKEN" | "TOO TAME" | "NOT SHOWN"

/** A finding's counts that miss their minimum, told. */
export const tameness = ({ atLeast = {}, counts }: Finding): ReadonlyArray<string> =>
  Object.entries(atLeast)
    .filter(([name, least]) => (counts[name] ?? 0) < least)
    .map(([name, least]) => `${name}: ${counts[name] ?? 0}, at least ${least} are needed`)

const excess = ({ atMost = {}, counts }: Finding): ReadonlyArray<string> =>
  Object.entries(atMost)
    .filter(([name, most]) => (counts[name] ?? 0) > most)
    .map(([name, most]) => `${name}: ${counts[name]}, at most ${most} are promised`)

/** Everything that speaks against the promise. */
export const objections = (finding: Finding): ReadonlyArray<string> => [...finding.broken, ...excess(finding)]

export const verdictOf = (finding: Finding): Verdict => {
  if (finding.impossible !== undefined) return "NOT SHOWN"
  if (objections(finding).length > 0) return "BROKEN"
  return tameness(finding).length > 0 ? "TOO TAME" : "kept"
}
