/** Insertions, removals and exchanges of single characters that make one word of another. */
const distance = (one: string, other: string): number => {
  let above = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (const [row, char] of [...one].entries()) {
    const line = [row + 1]
    for (let at = 0; at < other.length; at += 1) {
      const exchanged = (above[at] ?? 0) + (char === other[at] ? 0 : 1)
      line.push(Math.min(exchanged, (above[at + 1] ?? 0) + 1, (line[at] ?? 0) + 1))
    }
    above = line
  }
  return above[other.length] ?? 0
}

const LONGEST = 64

/** The known name that a misspelt one was most likely meant to be; none when nothing comes near. */
export const nearest = (name: string, known: ReadonlyArray<string>): string | undefined => {
  if (name.length > LONGEST) return undefined
  const plain = name.toLowerCase().replaceAll("-", "_")
  const ranked = known
    .map((candidate) => [candidate, distance(plain, candidate)] as const)
    .filter(([candidate, far]) => far <= Math.max(2, Math.floor(candidate.length / 3)))
    .toSorted(([, one], [, other]) => one - other)
  return ranked[0]?.[0]
}
