import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { REPOSITORY } from '../src/workspace.ts'

const { partsOf, terminalPicture } = await import(
  pathToFileURL(join(REPOSITORY, 'packages', 'dev', 'site', 'terminal-picture.mjs')).href
)

it('colours and weights are kept until they are cleared, also across lines', () => {
  expect(partsOf('a \u001b[1;31mb\u001b[39mc\u001b[0m d\n\u001b[32me\nf\u001b[m')).toEqual([
    [
      { text: 'a ', classes: [] },
      { text: 'b', classes: ['bold', 'red'] },
      { text: 'c', classes: ['bold'] },
      { text: ' d', classes: [] },
    ],
    [{ text: 'e', classes: ['green'] }],
    [{ text: 'f', classes: ['green'] }],
  ])
})

it('a picture has its text as text, and what looks like markup as text too', () => {
  const picture = terminalPicture('a <b> & "c"\n\nd', 'what it shows')
  expect(picture).toContain('>a &lt;b&gt; &amp; &quot;c&quot;</text>')
  expect(picture).toContain('<title id="title">what it shows</title>')
  expect(picture.match(/<text /g)).toHaveLength(2)
  expect(picture).toContain('prefers-color-scheme: dark')
})

it('the picture of the README shows the demo, and no path of the machine that made it', () => {
  const picture = readFileSync(join(REPOSITORY, 'docs', 'images', 'demo.svg'), 'utf8')
  for (const text of ['iapeer demo', 'killed-by-signal', 'killed-by-command', 'stopped on purpose'])
    expect(picture).toContain(text)
  expect(picture).not.toMatch(/\/(?:tmp|home|root|Users|work|private)\b/)
})
