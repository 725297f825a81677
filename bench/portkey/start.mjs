// start.mjs: Portkey's gateway on a free port of the loopback. It listens everywhere, and can't be told otherwise.
import { writeSync } from "node:fs"
import { Server } from "node:net"

const { listen } = Server.prototype
Server.prototype.listen = function (port) {
  this.once("listening", () =>
    writeSync(1, `${JSON.stringify({ url: `http://127.0.0.1:${this.address().port}` })}\n`),
  )
  return listen.call(this, { port, host: "127.0.0.1" })
}
// It draws a turning wheel; the line above is all that is wanted.
process.stdout.write = () => true
process.argv.push("--headless", "--port=0")
await import("@portkey-ai/gateway/build/start-server.js")
