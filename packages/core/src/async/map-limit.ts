/**
 * Maps a list with at most `limit` calls of `act` at a time, started in the order of the list. One that fails keeps no other
 * from being made.
 * @returns the results in the order of the list
 * @throws what the first failed call throws, when all calls have ended
 */
export async function mapLimit<T, R>(
  items: Iterable<T>,
  limit: number,
  act: (item: T) => Promise<R>,
): Promise<R[]> {
  const list = [...items]
  const left = list.entries()
  const results: R[] = []
  const failures: { readonly error: unknown }[] = []
  const worker = async (): Promise<void> => {
    for (const [at, item] of left) {
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
