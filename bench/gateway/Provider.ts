import { serving } from "../child.ts"
import type { Stage } from "../Stage.ts"

/** The manner in which a provider answers; children/upstream.ts describes each. */
export type Manner = "fast" | "paced" | "held" | "limited"

interface State {
  /** Streams that go on until they are let go. */
  readonly held: number
  /** Requests that were answered 429, all in all. */
  readonly refused: number
}

/** A provider in a process of its own, that costs next to nothing. */
export class Provider {
  readonly url: string
  readonly pid: number

  private constructor({ pid, url }: Pick<Provider, "pid" | "url">) {
    this.url = url
    this.pid = pid
  }

  static async start(stage: Stage): Promise<Provider> {
    return new Provider(await serving<{ readonly url: string }>(stage, "upstream.ts", []))
  }

  /** `host:port`. */
  get host(): string {
    return new URL(this.url).host
  }

  /** The path of a base URL; those of different accounts are different. */
  base(manner: Manner, account: number): string {
    return `/${manner}/${account}/v1`
  }

  async state(): Promise<State> {
    return (await (await fetch(`${this.url}/state`)).json()) as State
  }

  /** Ends all streams that are held. */
  async release(): Promise<void> {
    await fetch(`${this.url}/release`)
  }
}
