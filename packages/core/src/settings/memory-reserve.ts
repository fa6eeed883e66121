const UNITS: Readonly<Record<string, number>> = { KIB: 1_024, MIB: 1_024 ** 2, GIB: 1_024 ** 3 }

const SHARE = /^(\d{1,2}(?:\.\d{1,3})?)%$/
const AMOUNT = /^(\d{1,6}(?:\.\d{1,3})?) ?(KiB|MiB|GiB)$/i

/** The memory that launches leave free: the larger of a share of all memory and an amount. */
export interface MemoryReserve {
  /** From 0 to 1. */
  readonly share: number
  readonly bytes: number
}

/** Parses a reserve: `10%,1GiB`, `5%`, `512MiB`, `0`; undefined for any other text. */
export function parseMemoryReserve(text: string): MemoryReserve | undefined {
  let reserve: MemoryReserve = { share: 0, bytes: 0 }
  for (const part of text.split(',').map((one) => one.trim())) {
    const [, percent] = SHARE.exec(part) ?? []
    const [, amount, unit = ''] = AMOUNT.exec(part) ?? []
    if (percent !== undefined) reserve = { ...reserve, share: Number(percent) / 100 }
    else if (amount !== undefined)
      reserve = { ...reserve, bytes: Number(amount) * (UNITS[unit.toUpperCase()] ?? 1) }
    else if (part !== '0') return undefined
  }
  return reserve
}
