import { requireLibrary } from '../libraries.ts'

const MAX_LINE = 80

/**
 * Describes why a text is not JSON: `<where> is not JSON (line 2, column 3): close brace expected: <that line>`. Columns count
 * characters from 1.
 */
export function jsonErrorText(text: string, where: string): string {
  // Loaded on use, as most texts are valid; synchronous, as the callers are.
  const jsonc = requireLibrary<typeof import('jsonc-parser')>(import.meta.url, 'jsonc-parser')
  const errors: import('jsonc-parser').ParseError[] = []
  jsonc.parse(text, errors, { disallowComments: true, allowTrailingComma: false })
  const [first] = errors
  if (first === undefined) return `${where} is not JSON`
  const before = text.slice(0, first.offset).split(/\r?\n/)
  const line = text.split(/\r?\n/)[before.length - 1] ?? ''
  const column = (before.at(-1)?.length ?? 0) + 1
  const what = jsonc
    .printParseErrorCode(first.error)
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
  return `${where} is not JSON (line ${before.length}, column ${column}): ${what}: ${line.trim().slice(0, MAX_LINE)}`
}
