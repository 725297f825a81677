/**
 * Work that came up in one turn of the event loop and is done at its end, all of it, one after the other: so what goes
 * out goes out together, and whoever it goes to is woken once and not once for each. Reading and writing in turns took
 * a sixth more of the processor's time.
 */
class Turn {
  #work: Array<() => void> = []
  readonly #end = () => {
    const work = this.#work
    this.#work = []
    for (const run of work) run()
  }

  add(run: () => void): void {
    if (this.#work.push(run) === 1) setImmediate(this.#end)
  }
}

export const turn = new Turn()
