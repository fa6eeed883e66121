// Reads Markdown: its headings, links and code blocks.
import markdownModule from '@textlint/textlint-plugin-markdown'

const { Processor } = markdownModule.default ?? markdownModule
const { preProcess } = new Processor({}).processor('.md')

/** The text of a node as a reader sees it. */
const textOf = (node) => node.value ?? (node.children ?? []).map(textOf).join('')

function* nodesOf(node) {
  yield node
  for (const child of node.children ?? []) yield* nodesOf(child)
}

const HTML_ADDRESS = /\b(?:href|src|srcset)="([^"]*)"/g

/**
 * Returns what a page has: the text of its `headings`, its `links` (`url` and `line`; images and HTML included), and its code
 * `blocks` (`info`, `text`, `line`).
 */
export function readMarkdown(text, path) {
  const [headings, links, blocks] = [[], [], []]
  for (const node of nodesOf(preProcess(text, path))) {
    const { line } = node.loc.start
    if (node.type === 'Header') headings.push(textOf(node))
    else if (['Link', 'Image', 'Definition'].includes(node.type)) links.push({ url: node.url, line })
    else if (node.type === 'Html')
      for (const [, url] of node.value.matchAll(HTML_ADDRESS)) links.push({ url, line })
    else if (node.type === 'CodeBlock')
      blocks.push({
        info: [node.lang, node.meta].filter((part) => part != null && part !== '').join(' '),
        text: node.value,
        line,
      })
  }
  return { headings, links, blocks }
}
