import type { MemberState } from "../domain/Member.ts"
import type { ProjectState } from "../domain/Project.ts"
import type { TaskState } from "../domain/Task.ts"
import { MemberBody, ProjectBody, TaskBody } from "./bodies.ts"

/**
 * Shows an aggregate's state as its body has it, and in the body's order: a state that was loaded
 * has its fields in another order than one that was just made, and a repeat answers byte for byte.
 */
export const shownAs = <State extends object>(body: { readonly fields: object }) => {
  const keys = Object.keys(body.fields)
  return (state: State): object =>
    Object.fromEntries(keys.flatMap((key) => (key in state ? [[key, state[key as keyof State]]] : [])))
}

export const shownProject = shownAs<ProjectState>(ProjectBody)
export const shownTask = shownAs<TaskState>(TaskBody)
export const shownMember = shownAs<MemberState>(MemberBody)
