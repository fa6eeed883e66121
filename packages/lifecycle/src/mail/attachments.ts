import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, realpath } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { errnoOf, IapeerError } from '@iapeer/core/errors'
import type { Attachment } from '@iapeer/core/mailbox'
import { makePrivateDirectory } from '@iapeer/core/storage'

/** A larger file is not copied: the recipient reads the file itself. */
const COPY_BYTES = 10 * 1024 * 1024
const CHUNK_BYTES = 256 * 1024

/** Files that hold secrets, by a part of their path. */
const SECRET_DIRECTORIES: ReadonlySet<string> = new Set(['.ssh', '.gnupg', '.aws', '.kube', '.docker'])
const SECRET_NAMES =
  /^(?:\.env.*|[._]netrc|\.npmrc|\.pypirc|\.pgpass|\.git-credentials|\.credentials\.json|auth\.json|id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?|.*\.(?:p12|pfx|jks|keystore|kdbx))$/i
/** The line with which OpenSSL, OpenSSH and GnuPG begin a private key in text form, whatever the name of the file is. */
const PRIVATE_KEY = /^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----/m
/** Text that explains a key can precede it. */
const HEAD_BYTES = 16 * 1024

function refused(path: string, why: string): IapeerError {
  return new IapeerError(`cannot attach ${path}: ${why}`, { code: 'attachment-refused' })
}

/** Checks that a file is not in a place that is never attached: the state of iapeer, and the usual places of secrets. */
function assertNotSecret(real: string, root: string): void {
  const inRoot = relative(root, real).split(sep)
  if (inRoot[0] === 'state' || inRoot[0] === 'run' || inRoot[0] === 'sessions')
    throw refused(real, 'iapeer keeps its own state there')
  const parts = real.split(sep)
  if (parts.some((part) => SECRET_DIRECTORIES.has(part)) || SECRET_NAMES.test(basename(real)))
    throw refused(real, 'it usually holds secrets')
}

async function openFile(real: string): Promise<FileHandle> {
  try {
    return await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    throw refused(real, code === 'ELOOP' ? 'it is a symbolic link' : code)
  }
}

async function assertNoPrivateKey(file: FileHandle, real: string): Promise<void> {
  const head = Buffer.alloc(HEAD_BYTES)
  const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0)
  if (PRIVATE_KEY.test(head.toString('latin1', 0, bytesRead))) throw refused(real, 'it holds a private key')
}

/** Copies an open file, and returns the SHA-256 of what was copied, in hex. */
async function copy(from: FileHandle, path: string, bytes: number): Promise<string> {
  const hash = createHash('sha256')
  const to = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES)
    for (let done = 0; done < bytes; ) {
      const { bytesRead } = await from.read(chunk, 0, Math.min(chunk.length, bytes - done), done)
      if (bytesRead === 0) break
      hash.update(chunk.subarray(0, bytesRead))
      await to.writeFile(chunk.subarray(0, bytesRead))
      done += bytesRead
    }
    await to.sync()
  } finally {
    await to.close()
  }
  return hash.digest('hex')
}

const LONGEST_NAME = 200

/** Returns the end of a name, with its extension, in at most 200 bytes: a file system counts bytes. */
function endOf(name: string): string {
  const characters = [...name]
  while (Buffer.byteLength(characters.join('')) > LONGEST_NAME) characters.shift()
  return characters.join('')
}

/** Where files are attached from, and to. */
export interface AttachOptions {
  readonly root: string
  /** The directory against which relative paths are resolved. */
  readonly cwd: string
  /** The directory of the copies. */
  readonly into: string
  /** The directory of the copies of a message that is sent again: the only place in the state of iapeer that is read. */
  readonly copies?: string | undefined
}

/**
 * Attaches files to a message: resolves each path once, opens that file without following links, and copies what was opened.
 * @throws IapeerError `attachment-refused`; the Node.js system error. What was copied by then is left to the caller.
 */
export async function attachFiles(
  paths: readonly string[],
  options: AttachOptions,
): Promise<readonly Attachment[]> {
  const attached: Attachment[] = []
  for (const [at, path] of paths.entries()) attached.push(await attach(path, at, options))
  return attached
}

async function attach(path: string, at: number, options: AttachOptions): Promise<Attachment> {
  const { root, cwd, into, copies } = options
  const wanted = resolve(cwd, path)
  let real: string
  try {
    real = await realpath(wanted)
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    throw refused(wanted, code === 'ENOENT' ? 'it does not exist' : code)
  }
  if (/[\n\r]/.test(real)) throw refused(real, 'its path has a line break')
  const isCopy = dirname(wanted) === copies && dirname(real) === (await realpath(copies))
  if (!isCopy) assertNotSecret(real, root)
  const file = await openFile(real)
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw refused(real, 'it is not a regular file')
    if (!isCopy) await assertNoPrivateKey(file, real)
    const facts = { source: real, bytes: stats.size, modifiedMs: Math.round(stats.mtimeMs) }
    if (stats.size > COPY_BYTES) return { ...facts, path: real }
    await makePrivateDirectory(into)
    const target = join(into, `${at + 1}-${endOf(basename(real))}`)
    return { ...facts, path: target, sha256: await copy(file, target, stats.size) }
  } finally {
    await file.close()
  }
}
