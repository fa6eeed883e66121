// Finds relative links of Markdown pages that lead nowhere.
import { posix } from 'node:path'
import { slugger } from './slug.mjs'

/** An address with a scheme: `https:`, `mailto:`. */
const FOREIGN = /^[a-z][a-z+.-]*:/i

/** Returns every directory that contains a file. */
function directoriesOf(files) {
  const directories = new Set(['.'])
  for (const file of files)
    for (let parent = posix.dirname(file); !directories.has(parent); parent = posix.dirname(parent))
      directories.add(parent)
  return directories
}

/**
 * Returns a function that checks one page: it returns `{ line, message }` for each relative link to a missing file or anchor.
 *
 * @param options `files` are the paths of all files of the repository, `pages` the Markdown ones as `readMarkdown` reads them by
 * path, and `produced` the paths that a command writes later
 */
export function linkChecker({ files, pages, produced = [] }) {
  const [paths, directories] = [new Set([...files, ...produced]), directoriesOf(files)]
  const anchorsOf = (path) => {
    const anchor = slugger()
    return pages.get(path)?.headings.map(anchor)
  }

  function faultOf(page, url) {
    const [before = '', anchor] = url.split('#')
    if (before.startsWith('/')) return `write "${url}" as a path relative to this page`
    const named = posix.join(posix.dirname(page), decodeURI(before)).replace(/\/$/, '')
    const target = before === '' ? page : named
    if (!paths.has(target) && !directories.has(target)) return `no such file: ${target}`
    if (anchor === undefined || produced.includes(target)) return undefined
    const shown = directories.has(target) ? posix.join(target, 'README.md') : target
    const anchors = anchorsOf(shown)
    if (anchors === undefined) return `${shown} is not a Markdown page, so "#${anchor}" leads nowhere`
    return anchors.includes(decodeURI(anchor)) ? undefined : `${shown} has no heading for "#${anchor}"`
  }

  return (page) =>
    (pages.get(page)?.links ?? [])
      .filter(({ url }) => !FOREIGN.test(url))
      .flatMap(({ url, line }) => {
        const message = faultOf(page, url)
        return message === undefined ? [] : [{ line, message }]
      })
}
