/** The value that a part `q` of all values does not exceed. */
export const quantile = (values: ReadonlyArray<number>, q: number): number => {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

/** Rounded to three significant digits: more would be noise. */
export const rounded = (value: number): number =>
  Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(3))

/** p50, p95 and p99 of times in milliseconds. */
export const quantiles = (times: ReadonlyArray<number>): Record<string, number> => ({
  p50: rounded(quantile(times, 0.5)),
  p95: rounded(quantile(times, 0.95)),
  p99: rounded(quantile(times, 0.99)),
})

export const sum = (values: ReadonlyArray<number>): number => values.reduce((all, one) => all + one, 0)

export const pause = (milliseconds: number): Promise<void> =>
  new Promise((resume) => setTimeout(resume, milliseconds))

/** Looks again until it is so. */
export const until = async (
  what: string,
  isSo: () => boolean | Promise<boolean>,
  within = 60_000,
  every = 10,
): Promise<void> => {
  const end = performance.now() + within
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`it never came to this: ${what}`)
    await pause(every)
  }
}
