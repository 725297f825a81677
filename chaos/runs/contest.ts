import { cutsOnly } from "../faults.ts"
import { kept } from "../kept.ts"
import { messagesOf } from "../logRecords.ts"
import type { Run } from "../Run.ts"
import { settled, stageOf, workDuring } from "../Storm.ts"

/** A few seconds of contested tasks while links to NATS are cut: enough to see whether a planted fault is noticed. */
export const contestRun: Run = async ({ main, random, scale, scene }) => {
  const stage = await stageOf({ scene, random, tasks: 3, ...(main === undefined ? {} : { main }) })
  const tally = await workDuring(stage, () => cutsOnly(stage, 8_000 * scale))
  await settled(stage).catch(() => {})
  for (const node of stage.nodes) await node.stop()
  const written = await messagesOf(scene, stage.nats.target)
  const findings = await kept(stage, written, tally, scale)
  return findings.map((finding) => ({ ...finding, atLeast: {} }))
}
