const REMEMBERED = 10_000

/** The hashes of tokens that were good when they were last seen, so that a hash isn't made for every request. */
export class TokenHashes {
  readonly #hash: (token: string) => string
  readonly #known = new Map<string, string>()

  constructor(hash: (token: string) => string) {
    this.#hash = hash
  }

  of(token: string): string {
    return this.#known.get(token) ?? this.#hash(token)
  }

  /** Only what is good is remembered: guesses must not drive it out. */
  keep(token: string, hash: string): void {
    if (this.#known.has(token)) return
    if (this.#known.size >= REMEMBERED) this.#known.delete(this.#known.keys().next().value ?? "")
    this.#known.set(token, hash)
  }
}
