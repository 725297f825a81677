import type { MemberState } from "../domain/Member.ts"
import type { PresenceStatus } from "../domain/Presence.ts"
import type { ProjectState } from "../domain/Project.ts"
import type { OpenTask } from "../domain/Task.ts"

// The shapes of tracker.md and a little more, as REST answers them: the aggregates' own fields.

type Known<State> = Extract<State, { readonly _tag: "Known" }>

export type TaskView = Omit<OpenTask, "_tag">

export type ProjectView = Omit<Known<ProjectState>, "_tag" | "reserved">

/** No token hash ever leaves the member table. `status` is the presence's, `offline` when it was never here. */
export type MemberView = Omit<Known<MemberState>, "_tag" | "token_hash"> & {
  readonly status: typeof PresenceStatus.Type
}

/** A chat message (`task_id` null) or a task comment (`chat_id` null). */
export interface MessageView {
  readonly id: string
  readonly chat_id: string | null
  readonly task_id: string | null
  readonly parent_id: string | null
  readonly author_type: "agent" | "human"
  readonly author_slug: string
  readonly author_name: string
  readonly content: string
  readonly mentions: ReadonlyArray<string>
  readonly voice_url: null
  readonly attachments: readonly []
  readonly created_at: string
}
