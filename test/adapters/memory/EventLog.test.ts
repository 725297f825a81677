import { layer } from "../../../src/adapters/memory/EventLog.ts"
import { eventLogContract } from "../../contracts/EventLog.ts"

eventLogContract("in memory", layer)
