/** A line of the table: a budget, or a figure that only informs. */
export interface Row {
  readonly name: string
  /** The figure that was measured, and its unit. */
  readonly value: number
  readonly unit: string
  /** The figure of the named baseline in the same run; null where the budget is absolute. */
  readonly baseline: number | null
  readonly ratio: number | null
  /** In words, as the budget says it; null where there is none. */
  readonly goal: string | null
  /** True when the goal was reached; null where there is none. */
  readonly ok: boolean | null
  /** Further figures: best rounds, quantiles, processor time for an operation. */
  readonly details: Readonly<Record<string, number | string>>
}

interface Measured {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly baseline?: number
  readonly details?: Row["details"]
}

/** A figure without a goal. */
export const shown = ({ baseline, details = {}, ...measured }: Measured): Row => ({
  ...measured,
  baseline: baseline ?? null,
  ratio: baseline === undefined ? null : measured.value / baseline,
  goal: null,
  ok: null,
  details,
})

/** At least so many times the baseline. */
export const atLeast = (times: number, measured: Measured & { readonly baseline: number }): Row => {
  const row = shown(measured)
  return { ...row, goal: `>= ${times}x`, ok: (row.ratio ?? 0) >= times }
}

/** At most so many times the baseline. */
export const atMostTimes = (times: number, measured: Measured & { readonly baseline: number }): Row => {
  const row = shown(measured)
  return { ...row, goal: `<= ${times}x`, ok: (row.ratio ?? Infinity) <= times }
}

/** At most so much, whatever the baseline. */
export const atMost = (most: number, measured: Measured): Row => ({
  ...shown(measured),
  goal: `<= ${most} ${measured.unit}`,
  ok: measured.value <= most,
})
