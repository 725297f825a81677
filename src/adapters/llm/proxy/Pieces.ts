/** So many pieces are made one. */
const MANY = 256

/** Bytes that come in pieces, however small: many of them are made one, so that they take little more room than they need. */
export class Pieces {
  readonly #large: Array<Buffer> = []
  #small: Array<Buffer> = []
  size = 0

  add(piece: Buffer): void {
    this.size += piece.length
    this.#small.push(piece)
    if (this.#small.length < MANY) return
    this.#large.push(Buffer.concat(this.#small))
    this.#small = []
  }

  /** All of them, one after another. */
  get whole(): Buffer {
    const [first] = this.#small
    return this.#large.length === 0 && this.#small.length === 1 && first !== undefined
      ? first
      : Buffer.concat([...this.#large, ...this.#small])
  }
}
