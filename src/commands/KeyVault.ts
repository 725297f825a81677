import { Context, type Effect, type Redacted, Schema } from "effect"

/** The store of sealed keys can't be reached; nothing is known about whether a key was put. */
export class KeyVaultUnavailable extends Schema.TaggedError<KeyVaultUnavailable>()("KeyVaultUnavailable", {
  reason: Schema.String,
}) {
  override get message() {
    return `the key vault does not answer: ${this.reason}`
  }
}

/** A sealed key that none of this program's sealing keys opens, or that was tampered with. */
export class KeyUnreadable extends Schema.TaggedError<KeyUnreadable>()("KeyUnreadable", {
  backend: Schema.String,
  reason: Schema.String,
}) {
  override get message() {
    return `the key of backend ${this.backend} can't be read: ${this.reason}`
  }
}

/**
 * Provider keys, sealed with AES-256-GCM under a key with an id (architecture.md section 10): the log holds only
 * their versions and masks. A key is put before the event that refers to it, and dropped after the one that no
 * longer does: what a crash leaves over is a key that nobody refers to.
 */
export class KeyVault extends Context.Service<
  KeyVault,
  {
    /** The same again does no harm. */
    readonly put: (
      backend: string,
      version: string,
      key: Redacted.Redacted,
    ) => Effect.Effect<void, KeyVaultUnavailable>
    readonly get: (
      backend: string,
      version: string,
    ) => Effect.Effect<Redacted.Redacted | undefined, KeyVaultUnavailable | KeyUnreadable>
    /**
     * Every version of the backend's key but this one; all of them without one. Spares those that were put up to two
     * minutes before this one, and later: commands that put them may still be about to record it, and the next drop
     * finds them. So it does no harm to drop all but a version that is no longer the newest.
     */
    readonly drop: (backend: string, except?: string) => Effect.Effect<void, KeyVaultUnavailable>
    /**
     * Seals anew whatever is not sealed with the first of the sealing keys: how many keys there are, how many of them
     * were sealed anew, and which could not be read and stay as they are. Can be repeated, also after a death half way.
     */
    readonly reseal: Effect.Effect<
      {
        readonly keys: number
        readonly resealed: number
        readonly unreadable: ReadonlyArray<KeyUnreadable>
      },
      KeyVaultUnavailable
    >
  }
>()("crewlog/commands/KeyVault") {}
