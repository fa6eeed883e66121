/**
 * Maps a list with at most `limit` calls of `act` at a time, started in the order of the list. A call that fails does not
 * prevent the others.
 * @returns the results, in the order of the list
 * @throws RangeError for a limit below 1; the error of the call that failed first, after all calls have finished
 */
export async function mapLimit<T, R>(
  items: Iterable<T>,
  limit: number,
  act: (item: T) => Promise<R>,
): Promise<R[]> {
  if (!(limit >= 1)) throw new RangeError(`invalid limit ${limit}: expected a number >= 1`)
  const list = [...items]
  const remaining = list.entries()
  const results: R[] = []
  const failures: { readonly error: unknown }[] = []
  const worker = async (): Promise<void> => {
    for (const [at, item] of remaining) {
      try {
        results[at] = await act(item)
      } catch (error) {
        failures.push({ error })
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, list.length) }, worker))
  const [first] = failures
  if (first !== undefined) throw first.error
  return results
}
