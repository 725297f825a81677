import type { Row } from "./Row.ts"
import type { Stage } from "./Stage.ts"

/** The surroundings that every run is given. */
export interface Context {
  readonly stage: Stage
  /** Smaller and shorter, for a first look. */
  readonly isQuick: boolean
  readonly tell: (what: string) => void
}

/** Measures some rows of the table. */
export type Run = (context: Context) => Promise<ReadonlyArray<Row>>

/** So many, or so many when it has to be quick. */
export const sized = ({ isQuick }: Context, full: number, quick: number): number => (isQuick ? quick : full)
