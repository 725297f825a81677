/**
 * The reasons for which a socket is closed; each cause has its own code. Codes from 4000 to 4099, and 1013,
 * may reconnect.
 */
export const closings = {
  shuttingDown: { code: 4001, reason: "shutting down" },
  tokenRevoked: { code: 4005, reason: "token revoked" },
  slowConsumer: { code: 4008, reason: "too slow" },
  noPong: { code: 4012, reason: "no pong" },
  unavailable: { code: 1013, reason: "try again later" },
  badFrame: { code: 4400, reason: "bad frame" },
  badToken: { code: 4401, reason: "not authenticated" },
  noAuth: { code: 4402, reason: "no auth in time" },
  badOrigin: { code: 4403, reason: "origin not allowed" },
  tooManyConnections: { code: 4404, reason: "too many connections" },
} as const

export type Closing = (typeof closings)[keyof typeof closings]
