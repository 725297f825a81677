import { registerHooks } from "node:module"

/** A line of the program, and what stands there instead. */
interface Planted {
  /** From the root of the checkout. */
  readonly file: string
  readonly from: string
  readonly to: string
}

/**
 * Changes lines of the program while node loads it, so that the harness can be shown to notice; nothing of it is in
 * the program's own files. Throws where the line is not there (any more) exactly once: then plant it anew.
 */
export const plant = (...faults: ReadonlyArray<Planted>): void => {
  registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context)
      const here = faults.filter(({ file }) => url === new URL(`../../${file}`, import.meta.url).href)
      if (here.length === 0) return loaded
      const source = here.reduce((text, { file, from, to }) => {
        const parts = text.split(from)
        if (parts.length !== 2) throw new Error(`the planted fault does not fit ${file} any more: ${from}`)
        return parts.join(to)
      }, String(loaded.source))
      return { ...loaded, source }
    },
  })
}
