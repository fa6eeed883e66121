const UNITS = ['', 'K', 'M', 'G', 'T']
const KIB = 1024

/** The smallest limit of memory, in bytes: a shell and its first program fit in it. */
export const MIN_MEMORY = 16 * KIB * KIB

/** Parses a size of memory: `4G`, `1.5G`, `512MiB`, a number of bytes. The units are powers of 1024. Undefined if it is none. */
export function parseSize(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?)(?:([KMGT])(?:i?B)?)?$/i.exec(text) ?? []
  if (digits === undefined || (unit === '' && digits.includes('.'))) return undefined
  const bytes = Math.round(Number(digits) * KIB ** UNITS.indexOf(unit.toUpperCase()))
  return bytes <= Number.MAX_SAFE_INTEGER ? bytes : undefined
}

/** Formats a size of memory, with the largest unit that shows it exactly or to a tenth: `4G`, `1.5G`, `700M`. */
export function formatSize(bytes: number): string {
  for (let power = UNITS.length - 1; power > 0; power--) {
    const value = bytes / KIB ** power
    if (value >= 1 && Number.isInteger(value * 10)) return `${value}${UNITS[power]}`
  }
  return String(bytes)
}
