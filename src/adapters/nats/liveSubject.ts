import { Schema } from "effect"
import { AggregateId } from "../../domain/Ids.ts"
import type { Frame } from "../../projections/ReadModel.ts"

const isId = Schema.is(AggregateId)
const NOWHERE = "_"

/** The one place that makes live subjects: `crew.live.<project>.<frame type>`, `_` where there is no project. */
export const liveSubject = ({ kind, project_id }: Pick<Frame, "kind" | "project_id">): string => {
  const project = project_id ?? NOWHERE
  if (!isId(project)) throw new Error(`not a project's id: ${JSON.stringify(project)}`)
  return `crew.live.${project}.${kind}`
}
