#!/usr/bin/env node
import { enableCompileCache } from "node:module"
import { fileURLToPath } from "node:url"

// As in src/main.ts.
enableCompileCache(fileURLToPath(new URL("../../node_modules/.cache/crewlog", import.meta.url)))
await import("./invocation.ts")
