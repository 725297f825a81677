export const pause = (milliseconds: number): Promise<void> =>
  new Promise((over) => setTimeout(over, Math.max(0, milliseconds)))

/** Looks again until there is something; throws when there is nothing in time. */
export const until = async <A>(
  what: string,
  look: () => A | undefined | Promise<A | undefined>,
  within = 20_000,
): Promise<A> => {
  const end = performance.now() + within
  while (performance.now() < end) {
    const found = await look()
    if (found !== undefined) return found
    await pause(20)
  }
  throw new Error(`${what}: not within ${within / 1_000} s`)
}
