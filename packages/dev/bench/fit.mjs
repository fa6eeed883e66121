// Fits measured points: how a cost grows with a number.

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length

/**
 * Returns the line `a + b*x` with the least squared errors, and the share of the variation that it explains (`r2`).
 * @param points at least two pairs of numbers with different first numbers
 */
export function fitLine(points) {
  const xs = points.map(([x]) => x)
  const [meanX, meanY] = [mean(xs), mean(points.map(([, y]) => y))]
  const sumXX = xs.reduce((sum, x) => sum + (x - meanX) ** 2, 0)
  if (points.length < 2 || sumXX === 0) throw new Error('a fit needs two different points')
  const b = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / sumXX
  const a = meanY - b * meanX
  const rest = points.reduce((sum, [x, y]) => sum + (y - a - b * x) ** 2, 0)
  const all = points.reduce((sum, [, y]) => sum + (y - meanY) ** 2, 0)
  return { a, b, r2: all === 0 ? 1 : 1 - rest / all }
}

/** Returns the power law `c*x^k` that is a line between logarithms. Points that are not positive are left out. */
export function fitPower(points) {
  const logs = points.filter(([x, y]) => x > 0 && y > 0).map(([x, y]) => [Math.log(x), Math.log(y)])
  const { a, b, r2 } = fitLine(logs)
  return { c: Math.exp(a), k: b, r2 }
}
