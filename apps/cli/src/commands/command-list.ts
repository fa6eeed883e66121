import type { DefinedCommand, Usage } from '../define-command.ts'
import usages from './usages.json' with { type: 'json' }

type Load = () => Promise<{ readonly default: DefinedCommand }>

const startHere =
  (runtime: string): Load =>
  async () => ({ default: (await import('./sessions/start-here.ts')).startHere(runtime) })

/** Every command by its group in the help, in the order of the help; its code is loaded when it runs. */
export const COMMAND_GROUPS: Readonly<Record<string, Readonly<Record<string, Load>>>> = {
  'Peers:': {
    create: () => import('./peers/create.ts'),
    init: () => import('./peers/init.ts'),
    list: () => import('./peers/list.ts'),
    show: () => import('./peers/show.ts'),
    rename: () => import('./peers/rename.ts'),
    remove: () => import('./peers/remove.ts'),
    runtimes: () => import('./peers/runtimes.ts'),
    verify: () => import('./peers/verify.ts'),
  },
  'What runs:': {
    start: () => import('./sessions/start.ts'),
    run: () => import('./sessions/run.ts'),
    stop: () => import('./sessions/stop.ts'),
    refresh: () => import('./sessions/refresh.ts'),
    reset: () => import('./sessions/reset.ts'),
    new: () => import('./sessions/new.ts'),
    attach: () => import('./sessions/attach.ts'),
    logs: () => import('./sessions/logs.ts'),
    claude: startHere('claude'),
    codex: startHere('codex'),
    command: startHere('command'),
    notifier: startHere('notifier'),
    telegram: startHere('telegram'),
    'send-keys': () => import('./sessions/send-keys.ts'),
  },
  'Deaths and watches:': {
    watch: () => import('./watches/watch.ts'),
    unwatch: () => import('./watches/unwatch.ts'),
    deaths: () => import('./deaths/deaths.ts'),
    autopsy: () => import('./deaths/autopsy.ts'),
    demo: () => import('./demo/demo.ts'),
    events: () => import('./events/events.ts'),
  },
  'This host:': {
    status: () => import('./host/status.ts'),
    'daemon start': () => import('./daemon/daemon-start.ts'),
    'daemon stop': () => import('./daemon/daemon-stop.ts'),
    'daemon status': () => import('./daemon/daemon-status.ts'),
    'daemon logs': () => import('./daemon/daemon-logs.ts'),
    'service install': () => import('./host/service-install.ts'),
    'service uninstall': () => import('./host/service-uninstall.ts'),
    'service status': () => import('./host/service-status.ts'),
    doctor: () => import('./host/doctor.ts'),
  },
}

/** The first words of commands that have two. */
export const PARENTS: Readonly<Record<string, string>> = {
  daemon: 'the process that keeps the peers of this host',
  service: 'have the service manager of this user run the daemon (systemd, launchd)',
}

/**
 * What the help and the completion of each command need, generated from its file, so that neither loads its code. A test
 * checks it; `npx vitest run test/commands.test.ts -u` in this package writes it.
 */
export const USAGES: Readonly<Record<string, Usage>> = usages
