const COLUMNS = 80

/** Text broken between words so that each line fits 80 columns, all but the first indented by two. */
export const wrapped = (text: string): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > COLUMNS) {
      lines.push(line)
      line = `  ${word}`
    } else line = line === "" ? word : `${line} ${word}`
  }
  return [...lines, line]
}
