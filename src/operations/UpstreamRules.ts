import { Context, type Effect } from "effect"

/** The rules that the address of a provider has to keep (security.md), as this program is set up. */
export class UpstreamRules extends Context.Service<
  UpstreamRules,
  {
    /** The reason why requests, and a key with them, must not go to a URL. */
    readonly objection: (url: string) => Effect.Effect<string | undefined>
  }
>()("crewlog/operations/UpstreamRules") {}
