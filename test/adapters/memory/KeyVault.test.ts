import { Effect } from "effect"
import { memoryBucket } from "../../../src/adapters/memory/KeyVault.ts"
import { keyVaultContract } from "../../contracts/KeyVault.ts"

keyVaultContract("in memory", Effect.sync(memoryBucket))
