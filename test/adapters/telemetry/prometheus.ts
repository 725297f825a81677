/** A line of the text format. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? (\S+)$/
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"/g
const meant: Record<string, string> = { "\\\\": "\\", '\\"': '"', "\\n": "\n" }

/** Reads Prometheus' text format strictly: every metric under its HELP and TYPE, no sample twice. */
export const parse = (text: string): ReadonlyArray<Sample> => {
  if (!text.endsWith("\n")) throw new Error("the last line has no end")
  const seen = new Set<string>()
  let family = ""
  let type = ""
  return text
    .slice(0, -1)
    .split("\n")
    .flatMap((line) => {
      const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line)
      if (comment !== null) {
        const [, what = "", name = "", rest = ""] = comment
        if (seen.has(`${what} ${name}`)) throw new Error(`${what} twice: ${name}`)
        seen.add(`${what} ${name}`)
        if (what === "TYPE") [family, type] = [name, rest]
        return []
      }
      const [, name = "", pairs = "", number = ""] = SAMPLE.exec(line) ?? []
      const isOfFamily = type === "histogram" ? name.startsWith(`${family}_`) : name === family
      const value = Number(number)
      if (!isOfFamily || Number.isNaN(value)) throw new Error(`not a sample of ${family}: ${line}`)
      if (seen.has(name + pairs)) throw new Error(`twice: ${line}`)
      seen.add(name + pairs)
      const labels = [...pairs.matchAll(LABEL)].map(([, label = "", text = ""]) => [
        label,
        text.replaceAll(/\\[\\"n]/g, (escape) => meant[escape] ?? ""),
      ])
      return [{ name, labels: Object.fromEntries(labels), value }]
    })
}

/** The sum of a metric's samples with these labels. */
export const sumOf = (text: string, name: string, labels: Readonly<Record<string, string>> = {}): number =>
  parse(text)
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .reduce((all, { value }) => all + value, 0)
