import type { DefinedCommand, Usage } from '../define-command.ts'
import usages from './usages.json' with { type: 'json' }

type Load = () => Promise<{ readonly default: DefinedCommand }>

const startHere =
  (runtime: string): Load =>
  async () => ({ default: (await import('./sessions/start-here.ts')).startHere(runtime) })

/** Every command, by its group and in the order of the help. The code of a command is loaded when it runs. */
export const COMMAND_GROUPS: Readonly<Record<string, Readonly<Record<string, Load>>>> = {
  'Peers:': {
    create: () => import('./peers/create.ts'),
    init: () => import('./peers/init.ts'),
    list: () => import('./peers/list.ts'),
    show: () => import('./peers/show.ts'),
    explain: () => import('./peers/explain.ts'),
    set: () => import('./peers/set.ts'),
    edit: () => import('./peers/edit.ts'),
    rename: () => import('./peers/rename.ts'),
    remove: () => import('./peers/remove.ts'),
    runtimes: () => import('./peers/runtimes.ts'),
    verify: () => import('./peers/verify.ts'),
  },
  'Running peers:': {
    start: () => import('./sessions/start.ts'),
    run: () => import('./sessions/run.ts'),
    stop: () => import('./sessions/stop.ts'),
    restart: () => import('./sessions/restart.ts'),
    reset: () => import('./sessions/reset.ts'),
    refresh: () => import('./sessions/refresh.ts'),
    new: () => import('./sessions/new.ts'),
    attach: () => import('./sessions/attach.ts'),
    logs: () => import('./sessions/logs.ts'),
    claude: startHere('claude'),
    codex: startHere('codex'),
    command: startHere('command'),
    notifier: startHere('notifier'),
    telegram: startHere('telegram'),
    interrupt: () => import('./sessions/interrupt.ts'),
    compact: () => import('./sessions/compact.ts'),
    'send-keys': () => import('./sessions/send-keys.ts'),
  },
  'Messages:': {
    send: () => import('./mail/send.ts'),
    inbox: () => import('./mail/inbox.ts'),
    ack: () => import('./mail/ack.ts'),
    outbox: () => import('./mail/outbox.ts'),
    hold: () => import('./mail/hold.ts'),
    unhold: () => import('./mail/unhold.ts'),
    'mail show': () => import('./mail/mail-show.ts'),
    'mail log': () => import('./mail/mail-log.ts'),
    'mail release': () => import('./mail/mail-release.ts'),
    'mail return': () => import('./mail/mail-return.ts'),
    'mail resend': () => import('./mail/mail-resend.ts'),
    'mail resume': () => import('./mail/mail-resume.ts'),
    'self-done': () => import('./mail/self-done.ts'),
    'self-fresh': () => import('./mail/self-fresh.ts'),
  },
  'Deaths and watches:': {
    watch: () => import('./watches/watch.ts'),
    unwatch: () => import('./watches/unwatch.ts'),
    deaths: () => import('./deaths/deaths.ts'),
    autopsy: () => import('./deaths/autopsy.ts'),
    demo: () => import('./demo/demo.ts'),
    drill: () => import('./drill/drill.ts'),
    events: () => import('./events/events.ts'),
  },
  'This host:': {
    status: () => import('./host/status.ts'),
    'daemon start': () => import('./daemon/daemon-start.ts'),
    'daemon stop': () => import('./daemon/daemon-stop.ts'),
    'daemon restart': () => import('./daemon/daemon-restart.ts'),
    'daemon status': () => import('./daemon/daemon-status.ts'),
    'daemon logs': () => import('./daemon/daemon-logs.ts'),
    'notify list': () => import('./notify/notify-list.ts'),
    'notify test': () => import('./notify/notify-test.ts'),
    'config list': () => import('./config/config-list.ts'),
    'config get': () => import('./config/config-get.ts'),
    'config set': () => import('./config/config-set.ts'),
    'config unset': () => import('./config/config-unset.ts'),
    'config path': () => import('./config/config-path.ts'),
    'service install': () => import('./host/service-install.ts'),
    'service uninstall': () => import('./host/service-uninstall.ts'),
    'service status': () => import('./host/service-status.ts'),
    doctor: () => import('./host/doctor.ts'),
  },
  'This program:': {
    install: () => import('./setup/install.ts'),
    uninstall: () => import('./setup/uninstall.ts'),
    welcome: () => import('./setup/welcome.ts'),
    mcp: () => import('./mcp/mcp.ts'),
  },
}

/** The first words of commands of two words, with their summaries. */
export const PARENTS: Readonly<Record<string, string>> = {
  mail: 'print messages and their steps, and release, return or resend them',
  daemon: 'control the daemon, which restarts peers and sends notifications',
  notify: 'print where notifications go, and send a sample',
  config: 'print and change the settings in config.toml',
  service: 'run the daemon under systemd or launchd, as your user',
}

/** What a first word does without a second. @default print its help */
export const ALONE: Readonly<Record<string, Load>> = {
  notify: () => import('./notify/notify-list.ts'),
}

/**
 * The texts and option names of every command, so that help and completion load no command. Generated from the command files by
 * `npx vitest run test/commands.test.ts -u` in this package; a test checks that it is current.
 */
export const USAGES: Readonly<Record<string, Usage>> = usages
