import { createServer } from "node:http"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { describe, expect, it, onTestFinished } from "vitest"
import { Upstream } from "../../../../src/adapters/llm/proxy/Upstreams.ts"
import {
  AddressRefused,
  guardedLookup,
  isPrivateAddress,
  refusalOfUpstream,
} from "../../../../src/adapters/llm/proxy/upstreamAddress.ts"

const none = new Set<string>()

describe("An upstream's address", () => {
  it.each([
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::7f00:1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "not an address",
  ])("%s is no public host's", (address) => {
    expect(isPrivateAddress(address)).toBe(true)
  })

  it.each([
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.167.1.1",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450:4001:81b::200e",
  ])("%s is a public one", (address) => {
    expect(isPrivateAddress(address)).toBe(false)
  })

  it.each([
    "http://127.0.0.1/v1",
    "http://2130706433/v1",
    "http://0x7f.1/v1",
    "http://017700000001/",
    "http://127.1:8080/",
    "http://[::1]/v1",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:a9fe:a9fe]/latest/meta-data",
    "http://localhost/v1",
    "http://LOCALHOST./v1",
    "http://api.localhost/v1",
    "http://169.254.169.254/latest",
    "https://10.1.2.3/v1",
  ])("%s is refused, and what to allow is named", (url) => {
    expect(refusalOfUpstream(url, none)).toMatch(
      /private address, unless CREWLOG_PRIVATE_UPSTREAMS has \S+:\d+$/,
    )
  })

  it.each([
    ["ftp://example.org", "must begin with https:// or http://"],
    ["file:///etc/passwd", "must begin with https:// or http://"],
    ["no url", "must be a URL"],
    ["https://user@example.org", "must not have a user name or a password in it"],
    ["https://user:word@example.org", "must not have a user name or a password in it"],
    ["https://example.org/v1?key=1", "must not have a query or a fragment"],
    ["https://example.org/v1?", "must not have a query or a fragment"],
    ["https://example.org/v1#part", "must not have a query or a fragment"],
  ])("%s %s", (url, refusal) => {
    expect(refusalOfUpstream(url, none)).toBe(refusal)
  })

  it("an upstream's address is taken when it is public, and when an operator allows host and port", () => {
    expect(refusalOfUpstream("https://api.openai.com/v1", none)).toBeUndefined()
    expect(refusalOfUpstream("http://[2606:4700::1111]:8080", none)).toBeUndefined()
    const allowed = new Set(["127.0.0.1:11434", "localhost:80", "[::1]:443"])
    expect(refusalOfUpstream("http://127.0.0.1:11434/v1", allowed)).toBeUndefined()
    expect(refusalOfUpstream("http://LocalHost/v1", allowed)).toBeUndefined()
    expect(refusalOfUpstream("https://[::1]/v1", allowed)).toBeUndefined()
    expect(refusalOfUpstream("http://127.0.0.1:11435/v1", allowed)).toBeDefined()
    expect(refusalOfUpstream("http://127.0.0.2:11434/v1", allowed)).toBeDefined()
  })
})

type Addresses = ReadonlyArray<{ readonly address: string; readonly family: number }>

const look = (addresses: Addresses, all: boolean) =>
  new Promise<readonly [error: unknown, address: unknown]>((resolve) =>
    guardedLookup((_hostname, _options, callback) => callback(null, addresses))(
      "example.org",
      { all },
      (error, address) => resolve([error, address]),
    ),
  )

describe("A name", () => {
  const [inside, outside] = [
    { address: "10.0.0.1", family: 4 },
    { address: "8.8.8.8", family: 4 },
  ]

  it("that resolves to private addresses only has no address", async () => {
    for (const all of [true, false]) {
      const [error] = await look([inside, { address: "::1", family: 6 }], all)
      expect(error).toBeInstanceOf(AddressRefused)
    }
  })

  it("a name has but its public addresses", async () => {
    expect(await look([inside, outside], true)).toEqual([null, [outside]])
    expect(await look([inside, outside], false)).toEqual([null, "8.8.8.8"])
  })

  it("that resolves to this machine is not connected to, unless host and port are allowed", async () => {
    let connections = 0
    const server = createServer((_request, response) => response.end("here"))
    server.on("connection", () => {
      connections += 1
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const host = `localhost:${(server.address() as AddressInfo).port}`
    const ask = (allowed: ReadonlySet<string>) => {
      const upstream = new Upstream(new URL(`http://${host}`), allowed)
      onTestFinished(() => upstream.destroy())
      const request = { api: "openai-completions", route: "models", body: Buffer.from("{}") } as const
      return new Promise<unknown>((resolve) =>
        upstream.send(
          { ...request, headers: [] },
          {
            onRequestStart: () => {},
            onResponseStart: (_controller, status) => resolve(status),
            onResponseData: () => {},
            onResponseEnd: () => {},
            onResponseError: (_controller, error) => resolve(error),
          },
        ),
      )
    }
    expect(await ask(none)).toBeInstanceOf(AddressRefused)
    expect(connections).toBe(0)
    expect(await ask(new Set([host]))).toBe(200)
    expect(connections).toBe(1)
  })
})
