// Links of a page to files outside docs lead to the repository: the site has pages of docs only.
import { statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

const REPOSITORY = 'https://github.com/iapeer/iapeer'

/** Returns the address of a file or directory of the repository. */
function addressOf(path, root) {
  const kind = statSync(join(root, path)).isDirectory() ? 'tree' : 'blob'
  return `${REPOSITORY}/${kind}/main/${path}`
}

/**
 * Returns where a relative link of a page leads on the site: the link itself, or an address of the repository if its target is
 * outside docs.
 * @param options `page` is the page relative to `docs`, and `docs` the absolute path of its directory
 */
export function targetOnSite(link, { page, docs }) {
  if (/^(?:[a-z][a-z+.-]*:|#|\/)/i.test(link)) return link
  const [path = '', ...anchor] = link.split('#')
  const root = dirname(docs.replace(/\/$/, ''))
  const target = join(docs, dirname(page), decodeURI(path))
  if (!relative(docs, target).startsWith('..')) return link
  return [addressOf(relative(root, target), root), ...anchor].join('#')
}

/** A plugin of markdown-it that applies {@link targetOnSite} to each link. @param options `docs` is the directory of the pages */
export function repositoryLinks(md, { docs }) {
  md.core.ruler.push('repository-links', ({ tokens, env }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      if (token.type !== 'link_open') continue
      const link = token.attrGet('href')
      token.attrSet('href', targetOnSite(link, { page: env.relativePath, docs }))
    }
  })
}
