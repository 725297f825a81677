// collected.ts, to be loaded with --import: on SIGUSR2 collects all garbage and says in a line what is left.
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

process.on("SIGUSR2", () => {
  collect()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  console.log(JSON.stringify({ left: heapUsed + arrayBuffers }))
})
