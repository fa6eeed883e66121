import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

it('the example in the README prints what its comments say', async () => {
  const text = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8')
  const [, code = ''] = /```js\n([\s\S]*?)```/.exec(text) ?? []
  const logged = [...code.matchAll(/console\.log\((.*)\) \/\/ (.*)$/gm)]
  expect(logged).toHaveLength(4)
  const run = code
    .replace("'@iapeer/forensics'", JSON.stringify(new URL('../dist/index.js', import.meta.url).href))
    .replaceAll('console.log(', 'printed.push([')
    .replace(/\) \/\/ .*$/gm, '].join(" "))')
  const module = `const printed = []\n${run}\nexport { printed }`
  const { printed } = await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(module)}`)
  expect(printed).toEqual(logged.map(([, , comment]) => comment))
})
