// The aims of the figures: the most that each may be. They are judged in a full run only.

export const AIMS = [
  { id: 'death.line-alone.p50', what: 'one death to its line, p50', most: 3, unit: 'ms' },
  { id: 'death.line-together.p99', what: '40 deaths at once to the line, p99', most: 60, unit: 'ms' },
  {
    id: 'death.snapshot-together.p99',
    what: '40 deaths at once to the snapshot, p99',
    most: 300,
    unit: 'ms',
  },
  {
    id: 'launch.without-wait',
    what: 'launch of a `command` peer in process, without the watch of its first moments',
    most: 60,
    unit: 'ms',
  },
  {
    id: 'cli.start',
    what: '`iapeer start` of a `command` peer, the daemon running, as a ratio to `node -e 0`',
    most: 3.5,
    isRatio: true,
  },
  {
    id: 'list.median',
    what: '`iapeer list` of 100 peers, as a ratio to `node -e 0`',
    most: 2,
    isRatio: true,
  },
  { id: 'memory.guard-100', what: 'memory of a guard (PSS)', most: 200, unit: 'kB' },
  { id: 'sweep.cpu-1000', what: 'processor time of a sweep of 1,000 peers', most: 10, unit: 'ms' },
  { id: 'memory.daemon-rss-300', what: 'memory of the daemon at 300 peers', most: 80, unit: 'MB' },
  { id: 'memory.daemon-rss-1000', what: 'memory of the daemon at 1,000 peers', most: 100, unit: 'MB' },
]

/** Returns what an aim is judged by: the figure, or its ratio; undefined if it was not measured. */
export function valueFor({ isRatio = false }, figure) {
  if (figure?.value === undefined) return undefined
  if (!isRatio) return figure.value
  return figure.beside === undefined ? undefined : figure.value / figure.beside.value
}

/**
 * Judges an aim.
 * @returns `met`, `missed`, or `not measured: why`
 */
export function judge(aim, figure, { isQuick = false } = {}) {
  const value = valueFor(aim, figure)
  if (value === undefined) return `not measured: ${figure?.why ?? 'no such figure in this run'}`
  if (isQuick) return 'not judged: a quick run'
  return value <= aim.most ? 'met' : 'missed'
}
