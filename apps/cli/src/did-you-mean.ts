import { distance } from 'fastest-levenshtein'

/** The most edits between a mistyped word and what was meant; two letters that are swapped count as two. */
const MOST_EDITS = 2

/** Returns the candidate that is most similar to a word; undefined if none is similar. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, edits: distance(word, candidate) }))
    .filter(({ candidate, edits }) => edits <= MOST_EDITS && edits < Math.max(candidate.length, word.length))
    .sort((one, other) => one.edits - other.edits)
  return ranked[0]?.candidate
}

/** Returns `Did you mean start?`, or an empty text if no candidate is similar. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const found = closest(word, candidates)
  return found === undefined ? '' : `Did you mean ${found}?`
}
