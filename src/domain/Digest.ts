import { Context } from "effect"

/** Names made from content, and fresh ones. A port, because the domain has no clock, no chance and no crypto. */
export class Digest extends Context.Service<
  Digest,
  {
    /** SHA-256 of UTF-8 text, as 64 hex characters. */
    readonly sha256: (text: string) => string
    /** The UUID (version 5) that belongs to a name within Crewlog's namespace, e.g. `project:team-board`. */
    readonly uuidOf: (name: string) => string
    /** A fresh random UUID. */
    readonly uuid: () => string
  }
>()("crewlog/domain/Digest") {}
