import { type LookupAddress, lookup, type LookupOptions } from "node:dns"
import { BlockList, isIP, type LookupFunction } from "node:net"

// Two lists: one would take IPv4 for mapped addresses of IPv6.
const privateV4 = new BlockList()
const privateV6 = new BlockList()
for (const [network, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  // Carriers' own, and a metadata address.
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  // Link-local, with the metadata address of most clouds.
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  // Multicast, reserved, broadcast.
  ["224.0.0.0", 3],
] as const) {
  privateV4.addSubnet(network, bits, "ipv4")
}
// Of IPv6 only 2000::/3 is public: outside it are loopback, private, link-local, multicast, mapped and NAT64 addresses.
for (const [network, bits] of [
  ["::", 3],
  ["4000::", 2],
  ["8000::", 1],
  // Teredo and others that are no hosts; documentation; 6to4; documentation again.
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const) {
  privateV6.addSubnet(network, bits, "ipv6")
}

/** True if an address is anything but a public host's; IPv6 without brackets. */
export const isPrivateAddress = (address: string): boolean => {
  const [bare = ""] = address.split("%", 1)
  const family = isIP(bare)
  if (family === 4) return privateV4.check(bare, "ipv4")
  return family === 0 || privateV6.check(bare, "ipv6")
}

const defaultPorts: Record<string, string> = { "http:": "80", "https:": "443" }

/** As `CREWLOG_PRIVATE_UPSTREAMS` has it; IPv6 in brackets. */
const hostAndPort = ({ hostname, port, protocol }: URL) => `${hostname}:${port || defaultPorts[protocol]}`

const isAllowed = (url: URL, allowed: ReadonlySet<string>) => allowed.has(hostAndPort(url))

const withoutBrackets = (hostname: string) => (hostname.startsWith("[") ? hostname.slice(1, -1) : hostname)

/**
 * The reason that requests, and the key with them, must not go to this URL, or undefined. `allowed`:
 * `host:port` in lower case. A name can point to a private address at any time: {@link guardedLookup} looks
 * again at every connection.
 */
export const refusalOfUpstream = (text: string, allowed: ReadonlySet<string>): string | undefined => {
  if (!URL.canParse(text)) return "must be a URL"
  const url = new URL(text)
  if (url.protocol !== "https:" && url.protocol !== "http:") return "must begin with https:// or http://"
  if (url.username !== "" || url.password !== "") return "must not have a user name or a password in it"
  if (/[?#]/.test(text)) return "must not have a query or a fragment"
  if (isAllowed(url, allowed)) return undefined
  const host = withoutBrackets(url.hostname)
  const isLocalName = /(^|\.)localhost\.?$/.test(host)
  return isLocalName || (isIP(host) !== 0 && isPrivateAddress(host))
    ? `must not be a private address, unless CREWLOG_PRIVATE_UPSTREAMS has ${hostAndPort(url)}`
    : undefined
}

/** The name resolved to nothing but addresses that requests must not go to. */
export class AddressRefused extends Error {
  override readonly name = "AddressRefused"
  readonly code = "ADDRESS_REFUSED"
}

type Resolve = (
  hostname: string,
  options: LookupOptions & { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: ReadonlyArray<LookupAddress>) => void,
) => void

/**
 * Resolves a name for a connection and leaves only public addresses over: the connection is made to the very
 * address that was looked at, so a name that changes its mind in between gains nothing.
 */
export const guardedLookup =
  (resolve: Resolve = lookup): LookupFunction =>
  (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, "", 0)
      const [first, ...others] = addresses.filter(({ address }) => !isPrivateAddress(address))
      if (first === undefined) {
        return callback(new AddressRefused(`${hostname} is a private address`), "", 0)
      }
      if (options.all === true) return callback(null, [first, ...others])
      callback(null, first.address, first.family)
    })
  }

/** The function that a connection to this URL resolves names with; undefined where an operator allows host and port. */
export const lookupFor = (url: URL, allowed: ReadonlySet<string>): LookupFunction | undefined =>
  isAllowed(url, allowed) ? undefined : guardedLookup()
