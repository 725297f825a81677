#!/usr/bin/env node
import { enableCompileCache } from "node:module"
import { fileURLToPath } from "node:url"

// What was compiled at an earlier start is not compiled again: half of the time until the program runs. Beside the
// packages, where nobody else can put anything; where we can't either, it goes without.
enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/crewlog", import.meta.url)))
await import("./start.ts")
