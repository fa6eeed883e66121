// Finds code blocks that neither a test runs nor a mark excludes.

/**
 * Words after the language of a `console` or `sh` block. `run`: docs.test.ts of apps/cli runs it. `tested`: another test takes it from
 * the page. `no-run`: it is not run.
 */
const MARKS = ['run', 'tested', 'no-run']
const SHELLS = ['console', 'sh']
/** Programs that the tests of a package take from its README. */
const PROGRAMS = ['js', 'ts']
/** What is not run: output, data, diagrams. */
const DATA = ['text', 'json', 'toml', 'ini', 'xml', 'mermaid']

const isReadme = (path) => /^(?:packages|apps)\/[^/]+\/README\.md$/.test(path)
const isFollowed = (path) => path.startsWith('docs/')

/** Returns what is wrong with the info string of a block; undefined for nothing. */
function faultOf(path, info) {
  const [language = '', ...words] = info.split(' ')
  if (DATA.includes(language)) return undefined
  if (PROGRAMS.includes(language))
    return isReadme(path) ? undefined : `no test runs a ${language} block of this page: use text`
  if (!SHELLS.includes(language))
    return `code block "${info}": use ${[...SHELLS, ...PROGRAMS, ...DATA].join(', ')}`
  const [mark = ''] = words
  const isMarked =
    words.length === 1 && (MARKS.includes(mark) || (language === 'sh' && /^file=\S+$/.test(mark)))
  if (!isMarked) return `mark the ${language} block: run, tested or no-run, or file=NAME for sh`
  if (mark !== 'no-run' && !isFollowed(path)) return `no test follows this page: mark the block no-run`
  return language === 'sh' && mark === 'run' ? 'a block that runs is a console block' : undefined
}

/** Returns `{ line, message }` for each code block of a page whose info string is wrong. */
export const blockFaults = (path, { blocks }) =>
  blocks.flatMap(({ info, line }) => {
    const message = faultOf(path, info)
    return message === undefined ? [] : [{ line, message }]
  })
