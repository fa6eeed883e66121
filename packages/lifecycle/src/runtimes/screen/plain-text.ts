import { stripVTControlCharacters } from 'node:util'

/** An SGR sequence, the only kind that `capture-pane -e` prints. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it begins with an escape
const SGR = /\u001b\[([\d;:]*)m/g
/** A colour takes the parameters behind it: `38;5;<n>` one more, `38;2;<r>;<g>;<b>` three more. */
const COLOURS: ReadonlySet<string> = new Set(['38', '48', '58'])

/** Whether text is dim after these parameters: 2 begins it, 0 and 22 end it (ECMA-48). */
function dimAfter(parameters: string, before: boolean): boolean {
  let isDim = before
  const words = parameters.split(';')
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    if (COLOURS.has(word)) at += words[at + 1] === '2' ? 4 : 2
    else if (word === '2') isDim = true
    else if (word === '' || word === '0' || word === '22') isDim = false
  }
  return isDim
}

/** A captured screen with attributes as plain text, without what is dim: programs draw their placeholders so. */
export function withoutDim(screen: string): string {
  let isDim = false
  let from = 0
  let text = ''
  for (const found of screen.matchAll(SGR)) {
    if (!isDim) text += screen.slice(from, found.index)
    isDim = dimAfter(found[1] ?? '', isDim)
    from = found.index + found[0].length
  }
  if (!isDim) text += screen.slice(from)
  return stripVTControlCharacters(text)
}
