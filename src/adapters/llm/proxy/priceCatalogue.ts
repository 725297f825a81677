import { calcPrice, type ModelPrice } from "@pydantic/genai-prices"
import type { Catalogue, Cost } from "./prices.ts"

const MILLION = 1e6
const DAY = 86_400_000
/** So many prices are remembered: more than there are models at backends. */
const MOST = 10_000

type Price = ModelPrice[string]

/** USD per token. Some cost more in a long prompt: the last tier that it reaches is for all of it. */
const perToken = (price: Price, promptTokens: number): number => {
  if (price === undefined) return 0
  if (typeof price === "number") return price / MILLION
  const reached = price.tiers.findLast(({ start }) => promptTokens > start)
  return (reached?.price ?? price.base) / MILLION
}

const costIn = (prices: ModelPrice, promptTokens: number): Cost => {
  const at = (name: string) => perToken(prices[name], promptTokens)
  return {
    input: at("input_mtok"),
    output: at("output_mtok"),
    cacheRead: at("cache_read_mtok"),
    cacheWrite: at("cache_write_mtok"),
    cacheWriteHour: at("cache_write_1h_mtok"),
  }
}

const NOTHING = { input_tokens: 0, output_tokens: 0 }

/** The provider at this URL, else any that has a model of this name. */
const found = (model: string, baseUrl: string, timestamp: Date): ModelPrice | undefined => {
  const there = calcPrice(NOTHING, model, { providerApiUrl: baseUrl, timestamp })
  return (there ?? calcPrice(NOTHING, model, { timestamp }))?.model_price
}

/** The prices that providers publish, as this release of the program knows them: nothing is asked of anybody. */
export const priceCatalogue = (now: () => number): Catalogue => {
  const known = new Map<string, ModelPrice | undefined>()
  let day = 0
  return (model, baseUrl, promptTokens) => {
    const today = Math.floor(now() / DAY)
    if (today !== day || known.size >= MOST) known.clear()
    day = today
    const key = `${baseUrl} ${model}`
    if (!known.has(key)) known.set(key, found(model, baseUrl, new Date(now())))
    const prices = known.get(key)
    return prices && costIn(prices, promptTokens)
  }
}
