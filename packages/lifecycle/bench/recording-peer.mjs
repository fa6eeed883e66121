// A program that takes part in messages by its directory: it moves each message to `work`, appends it to a file,
// and moves it to `taken`.
//   node recording-peer.mjs FILE
import {
  appendFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  watch,
} from 'node:fs'
import { join } from 'node:path'

const [file] = process.argv.slice(2)
const mail = join(process.env.IAPEER_MAIL_DIR, 'mail')
for (const place of ['new', 'work', 'taken']) mkdirSync(join(mail, place), { recursive: true })
const seen = new Set(
  existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line).id)
    : [],
)
const out = openSync(file, 'a')

function take() {
  for (const name of readdirSync(join(mail, 'new'))
    .filter((one) => one.endsWith('.json'))
    .sort()) {
    const path = join(mail, 'work', name)
    try {
      renameSync(join(mail, 'new', name), path)
    } catch (error) {
      // It was taken back.
      if (error.code === 'ENOENT') continue
      throw error
    }
    const message = JSON.parse(readFileSync(path, 'utf8'))
    // It handles an id once, whatever it is given again.
    if (!seen.has(message.id)) {
      appendFileSync(out, `${JSON.stringify(message)}\n`)
      fsyncSync(out)
    }
    seen.add(message.id)
    renameSync(path, join(mail, 'taken', name))
  }
}
watch(join(mail, 'new'), take)
setInterval(take, 200)
take()
