import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BootDialog, dialogStep } from '../src/runtimes/screen/dialog.ts'
import { readMenu } from '../src/runtimes/screen/menu.ts'
import { rowsOf } from '../src/runtimes/screen/rows.ts'

const menuOf = (screen: string) => {
  const menu = readMenu(rowsOf(screen))
  return menu && { options: menu.options.map(({ text }) => text), cursor: menu.cursor, isLive: menu.isLive }
}

describe('a menu', () => {
  it.each([
    [
      'numbered',
      ' Trust?\n\n ❯ 1. Yes\n   2. No, exit\n\n Enter to confirm · Esc to cancel',
      ['Yes', 'No, exit'],
      0,
    ],
    [
      'unnumbered',
      ' Trust?\n\n   No, exit\n ❯ Yes\n\n Enter to confirm · Esc to cancel',
      ['No, exit', 'Yes'],
      1,
    ],
    ['of Codex', '  saved.\n\n  1. Trust\n› 2. Back\n\n  enter continue · esc back', ['Trust', 'Back'], 1],
    [
      'of Codex without numbers',
      '  saved.\n\n› Trust\n  Back\n\n  enter continue · esc back',
      ['Trust', 'Back'],
      0,
    ],
    [
      'with descriptions',
      '> 1. Sign in\n     With a plan\n\n  2. Code\n     Once\n\n  Press enter to continue',
      ['Sign in', 'Code'],
      0,
    ],
    [
      'directly below text',
      '  files. Your decision will be\n  saved.\n› 1. Trust and continue',
      ['Trust and continue'],
      0,
    ],
    [
      'of more than ten options',
      Array.from({ length: 11 }, (_, at) => `${at === 9 ? '❯' : ' '} ${at + 1}. o${at}`).join('\n'),
      Array.from({ length: 11 }, (_, at) => `o${at}`),
      9,
    ],
    [
      'with check boxes',
      '  ❯ [✔] thing\n    [✔] other\n\n Space to select · Esc to reject all',
      ['[✔] thing', '[✔] other'],
      0,
    ],
    [
      'with more options below',
      ' ❯ 1. Yes\n ↓ 2. Yes, and always\n      for this folder\n ↑ 6 more lines\n Esc to cancel',
      ['Yes', 'Yes, and always'],
      0,
    ],
  ] as const)('%s is read', (_kind, screen, options, cursor) => {
    expect(menuOf(screen)).toEqual({ options, cursor, isLive: true })
  })

  it.each([
    ['an input row', '────\n❯ \n────\n  bypass permissions on'],
    ['text', 'user@host:~$ ls > out'],
    ['nothing', ''],
  ])('is not read from %s', (_kind, screen) => {
    expect(menuOf(screen)).toBeUndefined()
  })

  it.each([
    ['that is quoted', ' ❯ 1. Yes\n   2. No\n\n That is the dialog.'],
    ['with the input row below', ' ❯ No, exit\n   Yes\n\n────\n❯\n────\n  on'],
    [
      'that is a question of the agent',
      '❯ 1. No, exit\n     leave\n  2. Yes\n────\n  3. Chat about this\n\nEnter to select',
    ],
  ])('%s does not wait for a key', (_kind, screen) => {
    expect(menuOf(screen)?.isLive).toBe(false)
  })

  it('that is wrapped is read with the continuation lines of each option', () => {
    const menu = readMenu(
      rowsOf(' ❯ No, exit\n   Yes, I trust\n   this folder\n\n Enter to confirm ·\n Esc to cancel'),
    )
    expect(menu?.options.map(({ whole }) => whole)).toContain('Yes, I trust this folder')
    const numbered = readMenu(rowsOf(' ❯ 1. Yes, and always\n      here\n   2. No\n'))
    expect(numbered?.options.map(({ whole }) => whole)).toEqual(['Yes, and always here', 'No'])
  })
})

const WORDS = ['No, exit', 'Yes, I accept', 'Yes, proceed', 'Skip', 'Back to the list', 'Maybe later']
const dialog = (option: string): BootDialog => ({
  name: 'a dialog',
  options: [new RegExp(`^${option}$`)],
  answer: { choose: new RegExp(`^${option}$`) },
})

interface Shape {
  readonly cursorSign: string
  readonly isNumbered: boolean
  readonly indent: number
  readonly hasKeys: boolean
}

/** Draws a menu as a program does. */
function draw(
  options: readonly string[],
  at: number,
  { cursorSign, isNumbered, indent, hasKeys }: Shape,
): string {
  const rows = options.map((option, nth) => {
    const number = isNumbered ? `${nth + 1}. ` : ''
    return `${' '.repeat(indent)}${nth === at ? cursorSign : ' '} ${number}${option}`
  })
  return [
    'Some words about it.',
    '',
    ...rows,
    ...(hasKeys ? ['', ' Enter to confirm · Esc to cancel'] : []),
  ].join('\n')
}

const shapes = fc.record({
  cursorSign: fc.constantFrom('❯', '›', '>'),
  isNumbered: fc.boolean(),
  indent: fc.integer({ min: 0, max: 4 }),
  hasKeys: fc.boolean(),
})

describe('a dialog', () => {
  it('is answered with the wanted option from every cursor position, and Enter is pressed on no other option', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(WORDS, { minLength: 2 }),
        fc.nat(),
        fc.nat(),
        shapes,
        (options, from, to, shape) => {
          const wanted = options[to % options.length] ?? ''
          let at = from % options.length
          for (let keys = 0; keys <= options.length; keys++) {
            const step = dialogStep([dialog(wanted)], rowsOf(draw(options, at, shape)))
            if (step?.kind !== 'press') throw new Error(`no key: ${draw(options, at, shape)}`)
            if (step.key === 'Enter') {
              expect(options[at]).toBe(wanted)
              return
            }
            at += step.key === 'Down' ? 1 : -1
          }
          throw new Error('the cursor did not reach the option')
        },
      ),
    )
  })

  it('whose wanted option is not visible is scrolled if it can scroll, and otherwise not answered', () => {
    const update: BootDialog = { name: 'update', shows: [/Update/], answer: { choose: /^Skip$/ } }
    const step = (screen: string) => dialogStep([update], rowsOf(screen))
    expect(step(' Update\n› 1. Now\n↓\n  enter continue')).toMatchObject({ key: 'Down' })
    expect(step(' Update\n↑\n› 3. Never\n  enter continue')).toMatchObject({ key: 'Up' })
    expect(step(' Update\n› 1. Now\n  enter continue')).toEqual({ kind: 'unknown', dialog: 'update' })
  })
})
