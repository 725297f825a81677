import { Context, type Effect } from "effect"
import type { CommandId } from "../domain/Ids.ts"
import type { Subject } from "../domain/CommitRecord.ts"

/** The read model can't be asked now. */
export type ReceiptsUnavailable = { readonly _tag: "ReadModelUnavailable" }

/**
 * The record that answered a command id, for ids older than the 32 that an aggregate remembers. Knows the log
 * up to `upTo`.
 */
export class Receipts extends Context.Service<
  Receipts,
  {
    readonly find: (
      subject: Subject,
      command: CommandId,
    ) => Effect.Effect<{ readonly seq: number | undefined; readonly upTo: number }, ReceiptsUnavailable>
  }
>()("crewlog/commands/Receipts") {}
