import type { Socket } from "node:net"
import { buildConnector } from "undici"
import { InterimAnswers } from "./InterimAnswers.ts"

/** The errors of connections that had been kept, and were closed before a byte of the newest answer. */
const lostWhileKept = new WeakSet<Error>()

/**
 * A request went out on a connection that had served before, and nothing came back: the other side may have closed it at
 * that very moment. Only then may it be sent once more.
 */
export const isLostWhileKept = (error: Error): boolean => lostWhileKept.has(error)

/** Sees to what undici makes of a connection: where answers begin, and what had come when it broke. */
const attended = (socket: Socket): Socket => {
  const interim = new InterimAnswers()
  const write = socket.write.bind(socket) as (...all: ReadonlyArray<unknown>) => boolean
  const read = socket.read.bind(socket)
  let [received, receivedBefore] = [0, 0]
  // A request is written at once, its body with its headers, and after the end of the answer before.
  socket.write = (...all: ReadonlyArray<unknown>) => {
    interim.await()
    receivedBefore = received
    return write(...all)
  }
  socket.read = (size?: number) => {
    for (;;) {
      const chunk = read(size) as Buffer | null
      if (chunk === null) return null
      received += chunk.length
      const rest = interim.take(chunk)
      if (rest.length > 0) return rest
    }
  }
  socket.prependListener("error", (error) => {
    if (receivedBefore > 0 && received === receivedBefore) lostWhileKept.add(error)
  })
  return socket
}

/** Makes connections with these options. */
export const connector = (options: buildConnector.BuildOptions): buildConnector.connector => {
  const connect = buildConnector(options)
  return (to, callback) => {
    connect(to, (...made) => {
      if (made[0] === null) callback(null, attended(made[1]))
      else callback(made[0], null)
    })
  }
}
