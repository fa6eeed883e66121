#!/usr/bin/env node

// `pnpm --filter cli start` runs in this package's directory; relative paths refer to the user's directory.
const { npm_package_name: owner, npm_lifecycle_event: script, INIT_CWD: startedIn } = process.env
if (owner === '@iapeer/cli' && script === 'start' && startedIn !== undefined) process.chdir(startedIn)

// `pnpm --filter cli start -- args` passes the `--` on.
const argv = process.argv.slice(2)
if (argv[0] === '--') argv.shift()
// The flag of earlier versions.
if (argv[0] === '-V') argv[0] = '--version'

// A list is printed often, also by prompts and status bars: its code is one small file, built next to this one.
const isList = ['list', 'ls', 'ps'].includes(argv[0] ?? '')
const isDone = isList && (await (await import('./quick-list.js')).runList(argv.slice(1)))
// Each session of an agent may run one of these: it loads no code of other commands.
if (argv.length === 1 && argv[0] === 'mcp') await (await import('./commands/mcp/serve.ts')).serveMcp()
else if (!isDone) await (await import('./command-line.js')).runCommandLine(argv)
