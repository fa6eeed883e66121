import { readProcFile } from './proc-file.ts'

const USUAL = 4_096
let known: number | undefined

/** Returns the power of two that is nearest to a ratio. */
const nearestPower = (ratio: number): number => 2 ** Math.round(Math.log2(ratio))

/**
 * Returns the size of a page of memory, in which /proc counts, without a process: by the resident memory of this process, in bytes
 * and in pages. Linux only.
 */
export function pageBytes(): number {
  if (known !== undefined) return known
  const [, pages] = readProcFile('/proc/self/statm').split(' ')
  const size = nearestPower(process.memoryUsage.rss() / Number(pages))
  known = size >= USUAL && size <= 16 * USUAL ? size : USUAL
  return known
}
