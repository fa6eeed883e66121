// A textlint rule: the terms of terms.json in the running text of Markdown. Code, quotations, addresses, HTML and the "old" column
// of a table of renames ("old | new") may hold any word.
import { messageOf, usesOf, withoutQuotations } from './terms.mjs'

/**
 * Returns the text of a block with one character for each character of the source: text as it is, code as a word that no
 * term matches, all else blank.
 */
function readableText(node) {
  const [start, end] = node.range
  const characters = new Array(end - start).fill(' ')
  const put = (from, text) => {
    for (let at = 0; at < text.length; at++) characters[from - start + at] = text[at]
  }
  const visit = (one) => {
    if (one.type === 'Str') put(one.range[0], one.raw)
    else if (one.type === 'Code') put(one.range[0], 'x'.repeat(one.raw.length))
    else for (const child of one.children ?? []) visit(child)
  }
  visit(node)
  return withoutQuotations(characters.join(''))
}

const isInside = (node, type) =>
  node.parent != null && (node.parent.type === type || isInside(node.parent, type))

/** Whether a cell is in the first column of a table whose head says `old`. */
function isOldName(cell) {
  const row = cell.parent
  const [head] = row.parent.children
  return (
    row !== head && row.children[0] === cell && readableText(head.children[0]).trim().toLowerCase() === 'old'
  )
}

/** @param options `terms` as compiled by terms.mjs; `codeToo` for pages whose code blocks are prose, such as printed help */
export function avoidedTerms(context, { terms, codeToo = false }) {
  const { Syntax, RuleError, report, locator } = context
  const check = (node, text) => {
    for (const use of usesOf(terms, text))
      report(node, new RuleError(messageOf(use), { padding: locator.at(use.index) }))
  }
  const checkBlock = (node) => {
    if (!isInside(node, Syntax.BlockQuote)) check(node, readableText(node))
  }
  return {
    [Syntax.Paragraph]: checkBlock,
    [Syntax.Header]: checkBlock,
    [Syntax.TableCell]: (node) => {
      if (!isOldName(node)) checkBlock(node)
    },
    [Syntax.CodeBlock]: (node) => {
      if (codeToo) check(node, withoutQuotations(node.raw))
    },
  }
}
