import type { ModelMapping } from "../../../domain/ModelMapping.ts"
import type { TokenUsage } from "./tokenUsage.ts"

/** USD per token. A price of the cache that is 0 is none: then the price of the input holds. */
export interface Cost {
  readonly input: number
  readonly output: number
  readonly cacheRead: number
  readonly cacheWrite: number
  /** Of what is kept for an hour. */
  readonly cacheWriteHour?: number
}

/** Anthropic takes 1.25 times the input's price for what it keeps for five minutes, and twice as much for an hour. */
const HOUR_TO_MINUTES = 2 / 1.25

/** USD: what came from the cache and what went into it at their own prices. */
export const costOf = (usage: TokenUsage, cost: Cost): number => {
  const { input, output } = cost
  const cacheRead = cost.cacheRead || input
  const cacheWrite = cost.cacheWrite || input
  const cacheWriteHour = cost.cacheWriteHour || cost.cacheWrite * HOUR_TO_MINUTES || input
  const uncached = Math.max(0, usage.prompt - usage.cached - usage.cacheWrite)
  const forAnHour = Math.min(usage.cacheWriteHour ?? 0, usage.cacheWrite)
  return (
    uncached * input +
    usage.cached * cacheRead +
    (usage.cacheWrite - forAnHour) * cacheWrite +
    forAnHour * cacheWriteHour +
    usage.completion * output
  )
}

export type PriceSource = "mapping" | "catalogue" | "none"

/** The price of a model at a provider for a prompt of so many tokens, as kept lists have it. */
export type Catalogue = (model: string, baseUrl: string, promptTokens: number) => Cost | undefined

interface Priced {
  readonly cost: number
  readonly source: PriceSource
}

const isPriced = ({ cacheRead, cacheWrite, input, output }: Cost) =>
  input > 0 || output > 0 || cacheRead > 0 || cacheWrite > 0

/** The flag of a mapping whose model costs nothing, whatever lists say: one's own machine. */
const FREE = "isFree"

/** The cost of a use: at the mapping's price; where it has none, at the catalogue's. */
export const priced = (
  usage: TokenUsage,
  mapping: Pick<ModelMapping, "compat" | "cost" | "native_id">,
  baseUrl: string,
  catalogue: Catalogue,
): Priced => {
  if (mapping.compat[FREE] === true) return { cost: 0, source: "mapping" }
  if (isPriced(mapping.cost)) return { cost: costOf(usage, mapping.cost), source: "mapping" }
  const listed = catalogue(mapping.native_id, baseUrl, usage.prompt)
  return listed === undefined
    ? { cost: 0, source: "none" }
    : { cost: costOf(usage, listed), source: "catalogue" }
}
