// iapeer and other supervisors behind one interface: `up` starts the supervisor with all processes, `start` and `stop` are the commands
// for one process, `list` the command for all, `events` the file that a death changes, `down` ends everything.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { installPm2, installS6, installSupervisor } from './install-alternatives.mjs'

const IAPEER = fileURLToPath(new URL('../../../apps/cli/dist/main.js', import.meta.url))
const LIMIT_MS = 30_000

/** Runs a command until it exits. */
function command(file, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, stdio: ['ignore', 'ignore', 'pipe'], timeout: LIMIT_MS })
    let text = ''
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
    child.once('error', reject)
    // Not `close`: a daemon that the command starts may keep its standard error.
    child.once('exit', (code) => {
      child.stderr.destroy()
      if (code === 0) resolve()
      else reject(new Error(`${file} ${args.join(' ')}: exit code ${code}: ${text}`))
    })
  })
}

async function until(what, look) {
  for (const end = Date.now() + LIMIT_MS; !(await look()); await sleep(5))
    if (Date.now() > end) throw new Error(`not within ${LIMIT_MS / 1_000} s: ${what}`)
}

/** Starts a supervisor in the foreground. @returns how to end it */
function daemon(file, args, env) {
  const child = spawn(file, args, { env, stdio: 'ignore' })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  return async () => {
    child.kill('SIGTERM')
    await exited
  }
}

async function iapeer(directory, { names, argvOf, env: inherited }) {
  const root = join(directory, 'r')
  const env = {
    ...inherited,
    IAPEER_ROOT: root,
    IAPEER_DAEMON_AUTOSTART: 'off',
    IAPEER_CRASHLOOP_MAX: '100000',
  }
  const run = (...args) => command(process.execPath, [IAPEER, ...args], env)
  return {
    name: 'iapeer',
    version: '',
    up: async () => {
      for (const name of names) {
        await run('create', name, '--', ...argvOf(name))
        await run('set', name, 'restart=on-failure')
      }
      await run('daemon', 'start')
      for (const name of names) await run('start', name)
    },
    start: (name) => run('start', name),
    stop: (name) => run('stop', name),
    list: () => run('list'),
    events: () => join(root, 'logs', 'iapeer', 'exits.log'),
    down: async () => {
      for (const name of names) await run('stop', name)
      await run('daemon', 'stop')
    },
  }
}

async function pm2(directory, { names, argvOf, env: inherited }) {
  const { version, program } = await installPm2(join(directory, 'pm2'))
  const home = join(directory, 'home')
  const env = { ...inherited, PM2_HOME: home, PM2_DISABLE_VERSION_CHECK: 'true' }
  const run = (...args) => command(process.execPath, [program, '--silent', ...args], env)
  const apps = names.map((name) => {
    const [interpreter, script, ...args] = argvOf(name)
    return { name, interpreter, script, args, autorestart: true }
  })
  const config = join(directory, 'apps.json')
  return {
    name: 'pm2',
    version,
    up: async () => {
      writeFileSync(config, JSON.stringify({ apps }))
      await run('start', config)
    },
    start: (name) => run('start', name),
    stop: (name) => run('stop', name),
    list: () => command(process.execPath, [program, 'list'], env),
    events: () => join(home, 'pm2.log'),
    down: () => run('kill'),
  }
}

async function supervisor(directory, { names, argvOf, env: inherited }) {
  const { version, python, bin, env: own } = await installSupervisor(join(directory, 'supervisor'))
  const env = { ...inherited, ...own }
  const [socket, config] = [join(directory, 'sock'), join(directory, 'supervisord.conf')]
  const log = join(directory, 'supervisord.log')
  const programs = names.map(
    (name) => `[program:${name}]\ncommand=${argvOf(name).join(' ')}\nautorestart=true\n`,
  )
  const run = (...args) => command(python, [join(bin, 'supervisorctl'), '-c', config, ...args], env)
  let end = async () => undefined
  return {
    name: 'supervisor',
    version,
    up: async () => {
      writeFileSync(
        config,
        `[supervisord]\nlogfile=${log}\npidfile=${join(directory, 'pid')}\nchildlogdir=${directory}
[unix_http_server]\nfile=${socket}
[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]\nserverurl=unix://${socket}\n${programs.join('')}`,
      )
      end = daemon(python, [join(bin, 'supervisord'), '--nodaemon', '--configuration', config], env)
      await until('supervisord', () => existsSync(socket))
    },
    start: (name) => run('start', name),
    stop: (name) => run('stop', name),
    list: () => run('status'),
    events: () => log,
    down: () => end(),
  }
}

async function s6(directory, { names, argvOf, env: inherited }) {
  const { version, bin, env: own } = await installS6(join(directory, 's6'))
  const env = { ...inherited, ...own, PATH: `${bin}:${inherited.PATH}` }
  const services = join(directory, 'services')
  const control = (flags, name) => command(join(bin, 's6-svc'), [flags, join(services, name)], env)
  const ends = []
  return {
    name: 's6',
    version,
    up: async () => {
      for (const name of names) {
        mkdirSync(join(services, name), { recursive: true })
        const text = `#!/bin/sh\nexec ${argvOf(name).join(' ')}\n`
        writeFileSync(join(services, name, 'run'), text, { mode: 0o700 })
      }
      // Unpacked, s6-svscan does not find s6-supervise; s6-supervise is what keeps a process running.
      for (const name of names) ends.push(daemon(join(bin, 's6-supervise'), [join(services, name)], env))
    },
    start: (name) => control('-u', name),
    stop: (name) => control('-d', name),
    // s6 has no command that lists all services.
    list: () => command('/bin/sh', ['-c', 'for one in "$0"/*; do s6-svstat "$one"; done', services], env),
    events: (name) => join(services, name, 'supervise', 'death_tally'),
    down: async () => {
      for (const name of names) await control('-dx', name)
      for (const end of ends) await end()
    },
  }
}

export const SUPERVISORS = { iapeer, pm2, supervisor, s6 }
