// Listens as a member and prints what is pushed: node docs/listen.mjs <url> <token> [project id ...]
import { WebSocket } from "ws"

const [url, token, ...projects] = process.argv.slice(2)
if (token === undefined) {
  console.error("usage: node docs/listen.mjs http://127.0.0.1:8100 <token> [project id ...]")
  process.exit(2)
}

const socket = new WebSocket(`${url.replace("http", "ws")}/ws`)
socket.on("open", () => {
  socket.send(JSON.stringify({ type: "auth", token, projects }))
  setInterval(() => socket.send(JSON.stringify({ type: "heartbeat", status: "online" })), 30_000).unref()
})
socket.on("message", (frame) => console.log(String(frame)))
socket.on("close", (code, reason) => console.error(`closed: ${code} ${reason}`))
socket.on("error", (error) => console.error(error.message))
