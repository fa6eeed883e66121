import { describe, expect, it } from 'vitest'
import {
  checkSetting,
  INTERNAL_VARIABLES,
  type NumberSetting,
  PEER_VARIABLES,
  parseNotifyUrl,
  readNumber,
  readSwitch,
  readText,
  readUrl,
  SETTINGS,
  type Setting,
} from '../src/settings/index.ts'
import { textsOfRepository } from './support.ts'

const all: readonly Setting[] = Object.values(SETTINGS)

describe('the table of settings', () => {
  const texts = textsOfRepository(/^(packages|apps)\/[^/]+\/(src|assets)\/.*\.(ts|sh)$/).filter(
    ({ path }) => !path.startsWith('packages/core/src/settings/'),
  )
  const ofPeers = PEER_VARIABLES.filter(({ variable }) => variable.startsWith('IAPEER_'))
  const known = [...all, ...INTERNAL_VARIABLES, ...ofPeers].map(({ variable }) => variable)

  it('has every variable that a source or a script names, and each once', () => {
    const named = texts.flatMap(({ path, text }) =>
      [...text.matchAll(/\bIAPEER(?:_[A-Z0-9]+)+\b/g)].map(([name]) => ({ name, path })),
    )
    expect(named.length).toBeGreaterThan(200)
    expect(named.filter(({ name }) => !known.includes(name))).toEqual([])
    expect(new Set(known).size).toBe(known.length)
  })

  it('has no variable that no source and no script names', () => {
    const text = texts.map((one) => one.text).join('\n')
    expect(known.filter((name) => !new RegExp(`\\b${name}\\b(?!_)`).test(text))).toEqual([])
  })

  it('has each key once, in the form of a configuration file', () => {
    const keys = all.flatMap(({ key }) => (key === undefined ? [] : [key]))
    expect(new Set(keys).size).toBe(keys.length)
    expect(keys.filter((key) => !/^[a-z_]+\.[a-z_]+$/.test(key))).toEqual([])
  })

  it('puts no secret into the service file', () => {
    const recorded = all.filter(({ service }) => service === 'recorded')
    expect(recorded.length).toBeGreaterThan(8)
    expect(recorded.filter(({ secret }) => secret === true)).toEqual([])
  })

  it('has only valid defaults', () => {
    for (const setting of all)
      if (setting.type === 'number' && setting.default !== undefined)
        expect(readNumber({ [setting.variable]: String(setting.default) }, setting)).toBe(setting.default)
  })
})

describe('a number', () => {
  it.each([
    ['unset', {}, 60],
    ['empty', { IAPEER_TICK_SECS: '' }, 60],
    ['the least', { IAPEER_TICK_SECS: '0.1' }, 0.1],
    ['whole', { IAPEER_TICK_SECS: '5' }, 5],
    ['of 15 digits', { IAPEER_TICK_SECS: '9'.repeat(15) }, 999_999_999_999_999],
  ])('%s', (_what, env, value) => {
    expect(readNumber(env, SETTINGS.tickSecs)).toBe(value)
  })

  it.each(['x', '-1', '0', '0.01', '1e3', ' 5', '5s', '5.', '0x10', '9'.repeat(16), 'NaN', 'Infinity'])(
    '%j is refused, with what is expected',
    (text) => {
      expect(() => readNumber({ IAPEER_TICK_SECS: text }, SETTINGS.tickSecs)).toThrow(
        expect.objectContaining({
          code: 'bad-setting',
          message: `invalid IAPEER_TICK_SECS ${JSON.stringify(text)}: expected a number of seconds >= 0.1`,
          hint: 'Correct it, or unset it (default: 60).',
        }),
      )
    },
  )

  it.each([
    [SETTINGS.crashloopMax, '2.5', 'expected a whole number of deaths >= 1'],
    [SETTINGS.eventLogKeep, '1000', 'expected a whole number of files from 1 to 999'],
    [SETTINGS.port, '65536', 'invalid IAPEER_PORT "65536": expected a port number from 0 to 65535'],
  ] satisfies [NumberSetting, string, string][])(
    '%#: the error names its limits',
    (setting, text, message) => {
      expect(() => readNumber({ [setting.variable]: text }, setting)).toThrow(message)
      expect(() => checkSetting({ [setting.variable]: text }, setting)).toThrow(message)
    },
  )

  it('without a default is undefined if it is unset', () => {
    expect(readNumber({}, SETTINGS.port)).toBe(undefined)
    expect(readNumber({ IAPEER_PORT: '0' }, SETTINGS.port)).toBe(0)
  })

  it('that is secret is not shown', () => {
    const secret = { ...SETTINGS.port, secret: true } as const
    expect(() => readNumber({ IAPEER_PORT: 'hunter2' }, secret)).toThrow(
      /^invalid IAPEER_PORT: expected a port number from 0 to 65535$/,
    )
  })
})

describe('a switch', () => {
  it.each([
    [undefined, true],
    ['', true],
    ['on', true],
    ['Yes', true],
    ['1', true],
    ['off', false],
    ['0', false],
    ['FALSE', false],
    ['no', false],
  ])('%j is %j', (text, value) => {
    expect(readSwitch({ IAPEER_DAEMON_AUTOSTART: text }, SETTINGS.autostart)).toBe(value)
  })

  it('refuses any other text', () => {
    expect(() => readSwitch({ IAPEER_DAEMON_AUTOSTART: 'perhaps' }, SETTINGS.autostart)).toThrow(
      'invalid IAPEER_DAEMON_AUTOSTART "perhaps": expected on or off',
    )
  })
})

describe('a URL', () => {
  const read = (text: string) => readUrl({ IAPEER_WEBHOOK_URL: text }, SETTINGS.webhookUrl)

  it('is read; an empty text is unset', () => {
    expect(read('https://hooks.example/T0/B0?a=b')?.href).toBe('https://hooks.example/T0/B0?a=b')
    expect(read('http://127.0.0.1:8080')?.port).toBe('8080')
    expect(read('')).toBeUndefined()
  })

  it.each([
    'hunter2',
    'hooks.example/hunter2',
    'htps://hunter2',
    'file:///hunter2',
    'https://user:hunter2@hooks.example/',
    'https://hunter2@hooks.example/',
    'http://[hunter2',
  ])('%j is refused without being shown', (text) => {
    const refused =
      /^invalid IAPEER_WEBHOOK_URL: expected an http or https URL without a user name or password$/
    expect(() => read(text)).toThrow(refused)
    expect(() => checkSetting({ IAPEER_WEBHOOK_URL: text }, SETTINGS.webhookUrl)).toThrow(refused)
  })
})

it('an empty text is unset', () => {
  expect(readText({ IAPEER_BEARER_TOKEN: '' }, SETTINGS.bearerToken)).toBe(undefined)
  expect(readText({ IAPEER_BEARER_TOKEN: 'x' }, SETTINGS.bearerToken)).toBe('x')
})

describe('an address of notifications', () => {
  it.each([
    ['https://example.com/hook', 'json'],
    ['https://ntfy.sh/my-topic', 'ntfy'],
    ['ntfy+https://push.example.com/t', 'ntfy'],
    ['https://hooks.slack.com/services/T/B/x', 'slack'],
    ['slack+http://127.0.0.1:8080/', 'slack'],
    ['https://discord.com/api/webhooks/1/x', 'discord'],
    ['https://api.telegram.org/bot1:x/sendMessage?chat_id=-42', 'telegram'],
    ['json+https://hooks.slack.com/x', 'json'],
  ])('%s has the format %s', (text, format) => {
    expect(parseNotifyUrl(text)?.format).toBe(format)
  })

  it.each([
    'notaurl',
    'ftp://example.com/',
    'https://',
    'https://me:secret@example.com/',
    'pager+https://example.com/',
    'https://ntfy.sh/',
    'https://api.telegram.org/bot1:x/sendMessage',
    'https://api.telegram.org/bot1:x/getMe?chat_id=1',
  ])('%s is refused, and a secret in it is not shown', (text) => {
    expect(parseNotifyUrl(text)).toBeUndefined()
    const set = (): void =>
      checkSetting({ IAPEER_NOTIFY_URLS: `https://a.example/x ${text}` }, SETTINGS.notifyUrls)
    expect(set).toThrow(/^invalid IAPEER_NOTIFY_URLS: expected http or https URLs/)
  })
})

describe('a text with a form', () => {
  it.each(['22:00-07:00', '00:00-23:59'])('accepts the quiet hours %s', (text) => {
    expect(readText({ IAPEER_QUIET_HOURS: text }, SETTINGS.quietHours)).toBe(text)
  })

  it.each(['22-7', '24:00-07:00', '22:00', '22:00-07:60', '2:00-7:00'])(
    'refuses the quiet hours %s',
    (text) => {
      expect(() => checkSetting({ IAPEER_QUIET_HOURS: text }, SETTINGS.quietHours)).toThrow(
        `invalid IAPEER_QUIET_HOURS ${JSON.stringify(text)}: expected two times of day`,
      )
    },
  )

  it('refuses an unknown kind of notification, and accepts every documented one', () => {
    const check = (text: string): void => checkSetting({ IAPEER_NOTIFY_KINDS: text }, SETTINGS.notifyKinds)
    check(SETTINGS.notifyKinds.default)
    check('death, restarted recovered')
    expect(() => check('gave-up,deaths')).toThrow(
      'invalid IAPEER_NOTIFY_KINDS "gave-up,deaths": expected words',
    )
  })
})
