import { Effect } from "effect"
import { Rest } from "./rest.ts"
import { ADMIN_TOKEN, type RunningNode } from "./node.ts"

export const adminOf = (node: RunningNode) => new Rest(node.url, ADMIN_TOKEN)

/** A project and agents on a node; answers their tokens. */
export const makeCrew = Effect.fnUntraced(function* (
  node: RunningNode,
  slugs: ReadonlyArray<string>,
  more: object = {},
) {
  const admin = adminOf(node)
  const project = (yield* admin.post("/projects", { name: "Team Board", slug: "team-board" })).body as {
    readonly id: string
    readonly chat_id: string
  }
  const tokens = yield* Effect.forEach(
    slugs,
    (slug) =>
      Effect.map(
        admin.post("/members", { name: slug, slug, type: "agent", ...more }),
        ({ body }) => body.token as string,
      ),
    { concurrency: 8 },
  )
  return { admin, project, tokens }
})
