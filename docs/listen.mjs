// Listens as a member, in one project, and prints what is pushed. Cut off, it resumes where it was: no frame is missed.
// CREWLOG_URL=http://127.0.0.1:8100 CREWLOG_TOKEN=tb-... node docs/listen.mjs [project id]
import { WebSocket } from "ws"

const { CREWLOG_TOKEN: token, CREWLOG_URL: url = "http://127.0.0.1:8100" } = process.env
const [project] = process.argv.slice(2)
if (token === undefined) {
  console.error(
    "usage: CREWLOG_URL=http://127.0.0.1:8100 CREWLOG_TOKEN=<token> node docs/listen.mjs [project id]",
  )
  process.exit(2)
}

/** The place that everything was heard up to, and which log it is of. */
let heard = {}
let isCutOff = false

const hear = ({ epoch = heard.epoch, idx, seq, type }) => {
  // After a resume what was missed comes only now.
  const isAlready = type === "auth.ok" && heard.resume !== undefined
  if (seq !== undefined && !isAlready) heard = { resume: seq, idx, epoch }
}

const listen = () => {
  const socket = new WebSocket(`${url.replace("http", "ws")}/ws`)
  const send = (frame) => socket.send(JSON.stringify(frame))
  let beat
  socket.on("open", () => {
    isCutOff = false
    send({ type: "auth", token, projects: project === undefined ? [] : [project], ...heard })
    beat = setInterval(() => send({ type: "heartbeat", status: "online" }), 30_000)
  })
  socket.on("message", (frame) => {
    console.log(String(frame))
    hear(JSON.parse(String(frame)))
  })
  socket.on("error", () => {})
  socket.on("close", (code, reason) => {
    clearInterval(beat)
    if (!isCutOff) console.error(`closed: ${code} ${reason}`)
    // The server says so where it is of no use to try again.
    if (code >= 4100) process.exit(1)
    isCutOff = true
    setTimeout(listen, 500)
  })
}
listen()
