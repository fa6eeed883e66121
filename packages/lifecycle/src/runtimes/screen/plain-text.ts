import { stripVTControlCharacters } from 'node:util'

/** An SGR sequence. `capture-pane -e` prints no other escape sequences. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it begins with an escape
const SGR = /\u001b\[([\d;:]*)m/g
/** Colours, which are followed by parameters of their own: `38;5;<n>` or `38;2;<r>;<g>;<b>`. */
const COLOURS: ReadonlySet<string> = new Set(['38', '48', '58'])

/** Returns whether text is dim after an SGR sequence: 2 sets it, 0 and 22 reset it (ECMA-48). */
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

/** Converts a screen captured with attributes to plain text and drops dim text, which is how programs draw placeholders. */
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
