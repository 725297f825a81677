const MINUTE = 60_000
/** Refills are sums of fractions: what is so near to a whole token is one. */
const WHOLE = 1 - 1e-9

/**
 * A node's share of a rate (provider-gateway.md, RPM): holds `perMinute / nodes` tokens, and gets as many in
 * a minute. All nodes together therefore send at most twice the limit in any minute, the first after a rest,
 * and the limit in each that follows. A share of less than one token still holds a whole one, else nothing
 * could ever be sent: with more nodes than the limit has requests, the burst is one for each node.
 */
export class Bucket {
  #perMinute: number
  #perMilli = 0
  #capacity = 0
  #tokens: number
  #at: number

  constructor(perMinute: number, nodes: number, now: number, isFull: boolean) {
    this.#perMinute = perMinute
    this.#at = now
    this.#tokens = isFull ? Infinity : 0
    this.share(perMinute, nodes, now)
  }

  /**
   * A new limit scales what is there; another number of nodes only takes away what is above the new share, for
   * nobody knows what those that are gone have used.
   */
  share(perMinute: number, nodes: number, now: number): void {
    const scale = this.#perMinute === 0 ? 1 : perMinute / this.#perMinute
    this.#refill(now)
    this.#perMinute = perMinute
    this.#perMilli = perMinute / nodes / MINUTE
    this.#capacity = perMinute === 0 ? 0 : Math.max(1, perMinute / nodes)
    this.#tokens = Math.min(this.#tokens * scale, this.#capacity)
  }

  tokens(now: number): number {
    this.#refill(now)
    return this.#tokens
  }

  /** From 0 to 1, or -1 when there is no whole token. */
  fill(now: number): number {
    this.#refill(now)
    return this.#tokens < WHOLE ? -1 : this.#tokens / this.#capacity
  }

  /** As many as there are, when there are fewer. */
  take(now: number, count = 1): void {
    this.#refill(now)
    this.#tokens = Math.max(0, this.#tokens - count)
  }

  /** The time at which there is a whole token: now, or later, or never. */
  readyAt(now: number): number {
    this.#refill(now)
    return this.#tokens >= WHOLE ? now : this.#at + (1 - this.#tokens) / this.#perMilli
  }

  #refill(now: number): void {
    // A clock that was set back by more than a bucket needs to fill: the refill goes on from there.
    if (now < this.#at - MINUTE) this.#at = now
    if (now <= this.#at) return
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#at) * this.#perMilli)
    this.#at = now
  }
}
