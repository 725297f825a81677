// bareSockets.ts: what a WebSocket server costs at least. Whatever one client says, all clients hear.
import type { AddressInfo } from "node:net"
import { WebSocketServer } from "ws"

const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false })
server.on("connection", (socket) => {
  socket.on("message", (data: Buffer) => {
    const text = data.toString()
    for (const client of server.clients) client.send(text)
  })
})
server.on("listening", () => {
  const { port } = server.address() as AddressInfo
  console.log(JSON.stringify({ url: `ws://127.0.0.1:${port}` }))
})
