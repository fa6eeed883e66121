import { entries } from './entry.ts'

/** Messages between peers. */
export const MAIL_ERRORS = entries({
  'no-such-message': {
    kind: 'not-found',
    summary: 'No message has this id, or it was removed because of its age.',
    hint: '`iapeer outbox` lists the messages that you have sent, `iapeer inbox` those for you.',
  },
  'invalid-message': {
    kind: 'usage',
    summary: 'The message cannot be stored: its text, topic or another part is too long or invalid.',
    hint: 'Put a long text into a file, and attach it.',
  },
  'attachment-refused': {
    kind: 'usage',
    summary:
      'A file cannot be attached: it is missing, not a regular file, or in a place that iapeer never attaches.',
    hint: 'Copy what the recipient needs into another file, and attach that.',
  },
  'bearer-unknown': {
    kind: 'denied',
    summary: 'IAPEER_BEARER is not that of a running session, so the sender cannot be identified.',
    hint: 'The session that this process belonged to is over. Unset IAPEER_BEARER to send without a proven identity.',
  },
  'not-the-operator': {
    kind: 'denied',
    summary: 'A process of a session cannot act as the operator.',
    hint: 'Run the command in a terminal of your own.',
  },
  'not-your-message': {
    kind: 'denied',
    summary:
      'Only the recipient can acknowledge a message, and only its sender or the operator can return it.',
  },
  'message-state': {
    kind: 'conflict',
    summary: 'The state of the message does not allow that; the error says which state it has.',
    hint: '`iapeer mail show <id>` prints its history.',
  },
  'no-such-control': {
    kind: 'unprocessable',
    summary: 'The program of the peer does not have this control.',
  },
  'not-now': {
    kind: 'conflict',
    summary: 'The program of the peer is in a state in which the control would do something else.',
    hint: '`iapeer show <peer>` prints its state.',
  },
  'not-in-a-session': {
    kind: 'denied',
    summary: 'The command works only inside the session of a peer.',
  },
  'no-mailbox': {
    kind: 'unprocessable',
    summary: 'The peer has no mailbox, and none can be made for it.',
    hint: 'Check that its home is mounted and that its peer-profile.json can be written.',
  },
})
