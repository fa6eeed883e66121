/** The identity of a peer and its host, as the system prompt states them. */
export interface PromptIdentity {
  readonly name: string
  readonly description: string
  readonly cwd: string
  readonly platform: string
  readonly osVersion: string
  readonly user: string
  readonly host: string
  /** `YYYY-MM-DD`, in the local time zone. */
  readonly date: string
}

/** Characters that JSON leaves unescaped but YAML 1.2 (5.1, printable characters) or YAML 1.1 (line breaks) does not allow. */
const NOT_FOR_YAML = /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g

/** Quotes text for YAML. A JSON string is a double-quoted YAML scalar, so the text cannot end the line or the block. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    NOT_FOR_YAML,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** Returns the YAML front matter of a system prompt. */
export function identityBlock(identity: PromptIdentity): string {
  const fields = [
    ['name', identity.name],
    ['description', identity.description],
    ['cwd', identity.cwd],
    ['platform', identity.platform],
    ['os_version', identity.osVersion],
    ['user', identity.user],
    ['host', identity.host],
    ['date', identity.date],
  ] as const
  return ['---', ...fields.map(([name, value]) => `${name}: ${quoted(value)}`), '---'].join('\n')
}
