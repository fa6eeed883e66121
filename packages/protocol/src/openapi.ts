import * as z from 'zod/mini'
import { ANSWERS, ROUTES, type Route } from './routes.ts'

type Json = Readonly<Record<string, unknown>>

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` })

/** A schema as it stands in the document, without what says that it is one of its own. */
function embedded(schema: Json): Json {
  const { $schema: _dialect, $id: _id, ...rest } = schema
  return rest
}

function components(): Json {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(ANSWERS)) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, { uri: (id) => `#/components/schemas/${id}` })
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, embedded({ ...schema })]))
}

function parameters(schema: z.ZodMiniObject, position: 'path' | 'query'): Json[] {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' })
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: position,
    required: position === 'path',
    schema: property,
  }))
}

function requestBody(body: z.ZodMiniObject): Json {
  const schema = embedded({ ...z.toJSONSchema(body, { io: 'input' }) })
  return { required: false, content: { 'application/json': { schema } } }
}

function operation({ method, path, summary, params, query, body, answers }: Route): Json {
  const content = Object.fromEntries(
    Object.entries(answers).map(([type, name]) => [
      type,
      { schema: name === undefined ? { type: 'string' } : ref(name) },
    ]),
  )
  const all = [...parameters(params, 'path'), ...parameters(query, 'query')]
  return {
    operationId: `${method}${path.replace(/[/:.]+(\w)/g, (_all, letter: string) => letter.toUpperCase())}`,
    summary,
    ...(all.length === 0 ? {} : { parameters: all }),
    ...(method === 'get' ? {} : { requestBody: requestBody(body) }),
    responses: {
      200: { description: 'done', content },
      default: {
        description: 'what went wrong; the code is stable',
        content: { 'application/json': { schema: ref('Error') } },
      },
    },
  }
}

/**
 * Returns the OpenAPI 3.1 document of the routes, made from the schemas that they check with.
 * @param version of the daemon that serves it
 */
export function openApi(version: string): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const route of Object.values<Route>(ROUTES)) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'iapeerd',
      version,
      description: 'The local API of the daemon. Over its unix socket no token is needed.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://localhost' }],
    security: [{ bearer: [] }, {}],
    paths,
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } }, schemas: components() },
  }
}
