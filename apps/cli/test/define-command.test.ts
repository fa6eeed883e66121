import { describe, expect, expectTypeOf, it } from 'vitest'
import { defineCommand } from '../src/define-command.ts'

const both = (text: string): 'a' | 'b' => (text === 'b' ? 'b' : 'a')

describe('defineCommand', () => {
  const seen: unknown[] = []
  const command = defineCommand({
    name: 'fleet paint',
    summary: 'paint peers',
    args: {
      peer: { label: 'peer|identity', help: 'which' },
      layers: { parse: Number },
      kind: { optional: true, parse: both },
      colours: { variadic: true, optional: true },
    },
    options: {
      json: { help: 'one JSON object' },
      noDaemon: { help: 'without the daemon' },
      fromPane: { short: 'p', value: 'pane', help: 'of that pane' },
      number: { value: 'count', help: 'how many', parse: Number },
      ev: { value: 'kind', help: 'which kinds', repeated: true, parse: both },
    },
    run: ({ args, options }) => {
      expectTypeOf(args).toEqualTypeOf<{
        readonly peer: string
        readonly layers: number
        readonly kind: 'a' | 'b' | undefined
        readonly colours: readonly string[]
      }>()
      expectTypeOf(options).toEqualTypeOf<{
        readonly json: boolean
        readonly noDaemon: boolean
        readonly fromPane: string | undefined
        readonly number: number | undefined
        readonly ev: readonly ('a' | 'b')[]
      }>()
      seen.push({ args, options })
    },
  })

  it('passes the parsed arguments and options to run', async () => {
    await command.run({
      args: ['bob', '3', 'b', ['red', 'blue']],
      options: { json: true, daemon: false, fromPane: ['x', 'y'], number: ['7'], ev: ['a', 'b'] },
    })
    expect(seen.pop()).toEqual({
      args: { peer: 'bob', layers: 3, kind: 'b', colours: ['red', 'blue'] },
      options: { json: true, noDaemon: true, fromPane: 'y', number: 7, ev: ['a', 'b'] },
    })
  })

  it('passes every key to run, also those that were not given', async () => {
    await command.run({ args: ['bob', '3'], options: { daemon: true } })
    expect(seen.pop()).toEqual({
      args: { peer: 'bob', layers: 3, kind: undefined, colours: [] },
      options: { json: false, noDaemon: false, fromPane: undefined, number: undefined, ev: [] },
    })
  })

  it('does not run if a value is invalid', async () => {
    const refusing = defineCommand({
      name: 'x',
      summary: 'x',
      args: {
        x: {
          parse: () => {
            throw new Error('not an x')
          },
        },
      },
      run: () => expect.unreachable(),
    })
    await expect(refusing.run({ args: ['y'], options: {} })).rejects.toThrow('not an x')
  })

  it('describes its usage for the help', () => {
    expect(command.usage).toEqual({
      summary: 'paint peers',
      arguments: { '<peer|identity>': 'which', '<layers>': '', '[kind]': '', '[colours...]': '' },
      options: {
        '--json': 'one JSON object',
        '--no-daemon': 'without the daemon',
        '-p, --from-pane <pane>': 'of that pane',
        '--number <count>': 'how many',
        '--ev <kind>': 'which kinds',
      },
    })
    expect(defineCommand({ name: 'x', summary: 'x', hidden: true, run: () => undefined }).usage).toEqual({
      summary: 'x',
      hidden: true,
      arguments: {},
      options: {},
    })
  })
})
