import { eventLogContract } from "../../contracts/EventLog.ts"
import { FreshLog } from "../../support/log.ts"

eventLogContract("on JetStream", FreshLog)
