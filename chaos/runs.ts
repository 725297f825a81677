import type { Run } from "./Run.ts"
import { clusterRun } from "./runs/cluster.ts"
import { contestRun } from "./runs/contest.ts"
import { damageRun } from "./runs/damage.ts"
import { fullDiskRun } from "./runs/fullDisk.ts"
import { fuzzRun } from "./runs/fuzz.ts"
import { outageRun } from "./runs/outage.ts"
import { powerCutRun } from "./runs/powerCut.ts"
import { stormRun } from "./runs/storm.ts"

/** Every run by its name, in the order in which they go. */
export const runs: Readonly<Record<string, Run>> = {
  storm: stormRun,
  power: powerCutRun,
  fuzz: fuzzRun,
  outage: outageRun,
  cluster: clusterRun,
  disk: fullDiskRun,
  damage: damageRun,
  contest: contestRun,
}

/** They wait more than they work. */
export const patient: ReadonlySet<string> = new Set(["disk", "damage", "cluster"])

/** Not part of a whole run: it is for faults that are planted. */
export const onDemand: ReadonlySet<string> = new Set(["contest"])
