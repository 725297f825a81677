import type { Run } from "./Run.ts"
import { catchUp } from "./runs/catchUp.ts"
import { emmett } from "./runs/emmett.ts"
import { gateway } from "./runs/gateway.ts"
import { gatewayLimited } from "./runs/gatewayLimited.ts"
import { gatewayStreams } from "./runs/gatewayStreams.ts"
import { growth } from "./runs/growth.ts"
import { jitter } from "./runs/jitter.ts"
import { list } from "./runs/list.ts"
import { readable } from "./runs/readable.ts"
import { sockets } from "./runs/sockets.ts"
import { take } from "./runs/take.ts"

/** The runs, in the order in which they are measured. */
export const runs: Readonly<Record<string, Run>> = {
  take,
  readable,
  catchup: catchUp,
  emmett,
  list,
  sockets,
  growth,
  jitter,
  gateway,
  streams: gatewayStreams,
  limited: gatewayLimited,
}
