export const pause = (milliseconds: number): Promise<void> =>
  new Promise((over) => setTimeout(over, Math.max(0, milliseconds)))

/** Looks again until there is something; throws when there is nothing in time. */
export const until = async <Value>(
  what: string,
  look: () => Value | undefined | Promise<Value | undefined>,
  within = 20_000,
): Promise<Value> => {
  const end = performance.now() + within
  while (performance.now() < end) {
    const found = await look()
    if (found !== undefined) return found
    await pause(20)
  }
  throw new Error(`${what}: not within ${within / 1_000} s`)
}

const TELL_EVERY = 20_000

/** Tells every now and then, while something is done that takes long. */
export const telling = async <Value>(tell: () => void, work: Promise<Value>): Promise<Value> => {
  const timer = setInterval(tell, TELL_EVERY)
  try {
    return await work
  } finally {
    clearInterval(timer)
  }
}
