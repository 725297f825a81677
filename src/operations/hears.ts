import type { Frame } from "../projections/ReadModel.ts"
import type { RosterMember } from "../projections/Roster.ts"

type Hearer = Pick<RosterMember, "slug" | "type" | "chat_listen" | "task_listen">

/**
 * True if a frame is for a member (tracker.md), wherever the frame's project is subscribed to or it has none:
 * messages by `chat_listen`, but never an agent's own; tasks by `task_listen`; a status to all but its owner.
 */
export const hears = (member: Hearer, frame: Frame): boolean => {
  switch (frame.kind) {
    case "message.new": {
      const { author, mentions } = frame.audience
      if (member.type === "agent" && author === member.slug) return false
      return (
        member.chat_listen === "all" || (member.chat_listen === "mentions" && mentions.includes(member.slug))
      )
    }
    case "task.created":
    case "task.updated":
    case "task.assigned":
    case "task.deleted": {
      const { assignee, reviewer, watchers } = frame.audience
      if (member.task_listen !== "assigned") return member.task_listen === "all"
      return assignee === member.slug || reviewer === member.slug || watchers.includes(member.slug)
    }
    case "agent.status":
      return frame.payload["slug"] !== member.slug
  }
}
