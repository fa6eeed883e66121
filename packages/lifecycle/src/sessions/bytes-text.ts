const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

interface Scaled {
  readonly number: string
  readonly unit: (typeof UNITS)[number]
}

/** Returns an amount in the unit of `reference`, which is at least as large. Below 10 it has one digit after the point. */
function scaled(bytes: number, reference: number): Scaled {
  let at = 0
  while (reference / 1024 ** at >= 999.5 && at < UNITS.length - 1) at++
  const value = bytes / 1024 ** at
  return { number: at > 0 && value < 9.95 ? value.toFixed(1) : value.toFixed(0), unit: UNITS[at] ?? 'B' }
}

/** Returns an amount of memory: `310 MiB`, `3.9 GiB`. */
export function bytesText(bytes: number): string {
  const { number, unit } = scaled(bytes, bytes)
  return `${number} ${unit}`
}

/** Returns two amounts in the unit of the larger one: `1.2 to 3.9 GiB`; a much smaller one keeps its own: `90 MiB to 3.9 GiB`. */
export function rangeText(from: number, to: number): string {
  const [low, high] = [Math.min(from, to), Math.max(from, to)]
  if (low < high / 10) return `${bytesText(from)} to ${bytesText(to)}`
  return `${scaled(from, high).number} to ${scaled(to, high).number} ${scaled(high, high).unit}`
}
