import type { Finding } from "./Finding.ts"
import type { Random } from "./Random.ts"
import type { Scene } from "./Scene.ts"

export interface RunContext {
  readonly scene: Scene
  readonly random: Random
  /** 1 for the short run; durations and minimums grow with it. */
  readonly scale: number
  /** The program with a planted fault that nodes run in place of the real one. */
  readonly main: string | undefined
  /** nats-server's, for the power cut. */
  readonly syncInterval: string
  /** True when mounts are ours alone and gone with us. */
  readonly ownMounts: boolean
  readonly tell: (what: string) => void
}

/** A program that tries to break some promises, and says how that went. */
export type Run = (context: RunContext) => Promise<ReadonlyArray<Finding>>
