import type { TaskCommand } from "../../domain/Task.ts"

/** The command of one tag. */
export type CommandOf<Tag> = Extract<TaskCommand, { readonly _tag: Tag }>

type Fields = Omit<CommandOf<"CreateTask">, "_tag" | "actor" | "id" | "project_id" | "number" | "key">

/** A new task as it is wished for: with a title, and whatever else is known of it. */
export type NewTask = Pick<Fields, "title"> & Partial<Fields>
export type TaskChanges = CommandOf<"ChangeTask">["changes"] & {
  readonly depends_on?: ReadonlyArray<string>
}

/** A task, and the claim that a change to it is based on, when it is to be fenced. */
export interface TaskRef {
  readonly id: string
  readonly claim?: number | undefined
}

export const claimOf = ({ claim }: TaskRef) => (claim === undefined ? {} : { claim })
