import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

it('the example in the README runs as it stands', async () => {
  const text = readFileSync(fileURLToPath(new URL('../README.md', import.meta.url)), 'utf8')
  const [, code = ''] = /```js\n([\s\S]*?)```/.exec(text) ?? []
  const said = [...code.matchAll(/console\.log\((.*)\) \/\/ (.*)$/gm)]
  expect(said).toHaveLength(4)
  const run = code
    .replace("'@iapeer/forensics'", JSON.stringify(new URL('../dist/index.js', import.meta.url).href))
    .replaceAll('console.log(', 'said.push([')
    .replace(/\) \/\/ .*$/gm, '].join(" "))')
  const module = `const said = []\n${run}\nexport { said }`
  const { said: printed } = await import(
    /* @vite-ignore */ `data:text/javascript,${encodeURIComponent(module)}`
  )
  expect(printed).toEqual(said.map(([, , comment]) => comment))
})
