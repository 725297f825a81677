#!/usr/bin/env node
import { enableCompileCache } from "node:module"
import { fileURLToPath } from "node:url"
import { setFlagsFromString } from "node:v8"
import { keepTicksFast } from "./adapters/runtime/keepTicksFast.ts"

// What was compiled at an earlier start is not compiled again: half of the time until the program runs. Beside the
// packages, where nobody else can put anything; where we can't either, it goes without.
enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/crewlog", import.meta.url)))
// All of the heap is looked through when it has grown to three times what was in use. V8's own rule goes by what the
// last look left, which is little after a start that collects its garbage: a busy gateway was looked through each
// second, for a fifth of its time (docs/decisions/0014).
setFlagsFromString("--heap-growing-percent=200")
await keepTicksFast()
await import("./start.ts")
