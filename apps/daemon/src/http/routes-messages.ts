import { ENVELOPE_LIMITS } from '@iapeer/core/envelope'
import { IapeerError } from '@iapeer/core/errors'
import type { MessageSender } from '@iapeer/core/mailbox'
import type { MessageView } from '@iapeer/lifecycle/mail'
import { type Answer, BEARER_HEADER, versioned } from '@iapeer/protocol/routes'
import type { FleetMail } from '../fleet.ts'
import type { ApiContext } from './context.ts'
import { type BoundRoutes, jsonRoute } from './route.ts'

/** The longest form of a character in JSON: one above U+FFFF as two escapes, `\ud83d\ude00`. */
const CHARACTER_BYTES = 12
/** The longest form of a byte of a path: a control character as one escape. */
const PATH_BYTE = 6
const OTHER_FIELDS = 4 * 1024

/** The size of the largest valid message in JSON, however its client escapes it: 693 KiB. */
export const MESSAGE_BYTES =
  CHARACTER_BYTES * (ENVELOPE_LIMITS.messageCharacters + ENVELOPE_LIMITS.topicCharacters) +
  PATH_BYTE * ENVELOPE_LIMITS.attachmentCharacters * (ENVELOPE_LIMITS.attachments + 1) +
  OTHER_FIELDS

type Listed = Answer<'peerMessages'>['messages'][number]

function listed(view: MessageView, withText: boolean): Listed {
  const { id, kind, from, to, at, state, why, turn, topic, re, runtime, target } = view
  const { priority, attempts, answeredBy, text, isTextRemoved } = view
  const hasText = withText && isTextRemoved !== true
  return {
    ...{ id, kind, from, to, at, state, why, turn, topic, re, runtime, target, priority, attempts },
    answeredBy,
    ...(hasText ? { text } : {}),
  }
}

function attemptOf({ attempt }: MessageView): Answer<'message'>['attempt'] {
  if (attempt === undefined) return undefined
  const { way, identity, gen, n, at, unsure } = attempt
  return { way, identity, gen, n, at, unsure }
}

function takingOf({ taken }: MessageView): Answer<'message'>['taken'] {
  if (taken === undefined) return undefined
  const { way, identity, gen, n, at, proof, where } = taken
  return { way, identity, gen, n, at, proof, where }
}

const whole = (view: MessageView): Answer<'message'> => ({
  ...versioned,
  ...listed(view, true),
  attachments: view.attachments.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 })),
  hops: view.hops,
  attempt: attemptOf(view),
  taken: takingOf(view),
  death: view.death,
  history: view.history,
})

/**
 * Returns who sends. Node.js does not tell which process is at the other end of a unix socket: without a bearer the sender is unknown.
 * Over TCP the token of the API makes it the operator, without proof; a bearer is not sent there, because another program could
 * listen on the port of a daemon that is not running.
 */
async function senderOf(context: ApiContext, mail: FleetMail): Promise<MessageSender> {
  const bearer = context.req.header(BEARER_HEADER)
  if (context.get('transport') === 'tcp') {
    if (bearer === undefined) return { kind: 'operator', proof: 'none' }
    throw new IapeerError(`the header ${BEARER_HEADER} is accepted over the unix socket only`, {
      code: 'invalid-request',
    })
  }
  return bearer === undefined ? { kind: 'unknown', proof: 'none' } : mail.senderOf(bearer)
}

/** Returns the routes of messages. */
export function messageRoutes(mail: FleetMail): BoundRoutes<'sendMessage' | 'message' | 'peerMessages'> {
  return {
    sendMessage: jsonRoute(
      'sendMessage',
      async ({ body, context }) => ({
        ...versioned,
        ...(await mail.sendAs(await senderOf(context, mail), body)),
      }),
      MESSAGE_BYTES,
    ),
    message: jsonRoute('message', async ({ params }) => whole(await mail.message(params.id))),
    peerMessages: jsonRoute('peerMessages', async ({ params, query }) => {
      const views = await mail.messagesOf(params.name, query.limit)
      return { ...versioned, messages: views.map((view) => listed(view, query.texts === 'true')) }
    }),
  }
}
