// Reads terms.json, the list of phrases that texts and sources avoid.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const TERMS_FILE = fileURLToPath(new URL('terms.json', import.meta.url))

/** A blank of a pattern stands for any white space, so that a phrase is found across the end of a line. */
function compile({ pattern, ...term }) {
  return {
    ...term,
    regExp: new RegExp(String.raw`(?<!\w)(?:${pattern.replaceAll(' ', String.raw`\s+`)})(?!\w)`, 'giu'),
  }
}

/**
 * Returns the list: `terms` of prose, `source` terms with the directories that they hold for, `notProse` and `proseInCode` as
 * globs and paths from the root of the repository.
 */
export function readTerms() {
  const { terms, source, ...others } = JSON.parse(readFileSync(TERMS_FILE, 'utf8'))
  return {
    ...others,
    terms: terms.map(compile),
    source: { ...source, terms: source.terms.map((term) => compile({ ...term })) },
  }
}

/** Blanks what is quoted; every other character keeps its position. */
export const withoutQuotations = (text) =>
  text.replace(/"[^"]{1,300}"|“[^”]{1,300}”/g, (quotation) => quotation.replace(/\S/g, ' '))

/** Returns every use of a term in a text: `index`, `found` and what to write instead. */
export function usesOf(terms, text) {
  return terms
    .flatMap(({ regExp, instead, why }) =>
      [...text.matchAll(regExp)].map(({ 0: found, index }) => ({
        index,
        found: found.replace(/\s+/g, ' ').trim(),
        instead,
        why,
      })),
    )
    .sort((a, b) => a.index - b.index)
}

/** Returns the message of one use. */
export const messageOf = ({ found, instead, why }) => `avoid "${found}". Instead: ${instead} (${why})`
