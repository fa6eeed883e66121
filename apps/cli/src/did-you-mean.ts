import { distance } from 'fastest-levenshtein'

/** The most edits between a mistyped word and what was meant; two letters that are swapped count as two. */
const MOST_EDITS = 2

const lettersOf = (word: string): string => [...word].sort().join('')

/** Returns the candidate that is most similar to a word, of equal ones the one with the same letters; undefined if none is similar. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({
      candidate,
      edits: distance(word, candidate),
      other: lettersOf(candidate) === lettersOf(word) ? 0 : 1,
    }))
    .filter(({ candidate, edits }) => edits <= MOST_EDITS && edits < Math.max(candidate.length, word.length))
    .sort((one, other) => one.edits - other.edits || one.other - other.other)
  return ranked[0]?.candidate
}

/** Returns `Did you mean start?`, or an empty text if no candidate is similar. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const found = closest(word, candidates)
  return found === undefined ? '' : `Did you mean ${found}?`
}
