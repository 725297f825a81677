import { Client } from "undici"
import type { Ask } from "./HealthProber.ts"
import { AddressRefused, lookupFor, refusalOfUpstream } from "../proxy/upstreamAddress.ts"

const HEADER_BYTES = 32 * 1024

/**
 * Asks for a status on a connection of its own, which ends with the headers: nobody reads the body. `allowed`:
 * `host:port` of private addresses, in lower case.
 */
export const askStatus =
  (allowed: ReadonlySet<string>): Ask =>
  async ({ headers, signal, url }) => {
    const refusal = refusalOfUpstream(url.origin, allowed)
    if (refusal !== undefined) throw new AddressRefused(refusal)
    const lookup = lookupFor(url, allowed)
    const client = new Client(url.origin, {
      allowH2: false,
      maxHeaderSize: HEADER_BYTES,
      ...(lookup === undefined ? {} : { connect: { lookup } }),
    })
    try {
      const path = `${url.pathname}${url.search}`
      const { body, statusCode } = await client.request({ method: "GET", path, headers, signal })
      // It ends with the connection, which is an error to it.
      body.on("error", () => {})
      return statusCode
    } finally {
      await client.destroy()
    }
  }
