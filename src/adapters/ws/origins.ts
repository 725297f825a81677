const loopback = ["localhost", "127.0.0.1", "[::1]"]

/**
 * True if a handshake may come from where it says. Browsers always send `Origin`; programs do not, and have
 * nothing that a page could misuse. `Host` must be ours as well: a name that an attacker points at us makes
 * his page of one origin with us.
 */
export const originCheck = (url: string, allowed: ReadonlyArray<string>) => {
  const { hostname, port, protocol } = new URL(url)
  const names = loopback.includes(hostname) ? loopback : [hostname]
  const own = names.map((name) => new URL(`${protocol}//${name}:${port}`))
  const origins = new Set([...own.map(({ origin }) => origin), ...allowed])
  const hosts = new Set([...own.map(({ host }) => host), ...allowed.map((origin) => new URL(origin).host)])
  return ({ host, origin }: { readonly host?: string | undefined; readonly origin?: string | undefined }) =>
    origin === undefined || (origins.has(origin) && host !== undefined && hosts.has(host.toLowerCase()))
}
