import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, it } from 'vitest'

const path = fileURLToPath(new URL('../dist/index.d.ts', import.meta.url))

const isDeclaration = (node: ts.Node): node is ts.DeclarationStatement | ts.PropertySignature =>
  ts.isFunctionDeclaration(node) ||
  ts.isInterfaceDeclaration(node) ||
  ts.isTypeAliasDeclaration(node) ||
  ts.isPropertySignature(node)

/** Declarations and fields of the types that people install, each by its name, without a comment. */
function undocumented(text: string): string[] {
  const found: string[] = []
  const visit = (node: ts.Node, within: string): void => {
    const name = isDeclaration(node) ? `${within}${node.name?.getText()}` : within
    if (isDeclaration(node) && ts.getJSDocCommentsAndTags(node).length === 0) found.push(name)
    ts.forEachChild(node, (child) => visit(child, isDeclaration(node) ? `${name}.` : within))
  }
  visit(ts.createSourceFile('index.d.ts', text, ts.ScriptTarget.Latest, true), '')
  return found
}

it('every exported function and type has its comment, and every field of these', () => {
  const text = readFileSync(path, 'utf8')
  expect(text).toContain('declare function ensureCanary')
  expect(undocumented(text)).toEqual([])
  expect(undocumented('interface A { readonly b: string }\n/** c */\ntype C = { d: { e: 1 } }')).toEqual(
    expect.arrayContaining(['A', 'A.b', 'C.d', 'C.d.e']),
  )
})
