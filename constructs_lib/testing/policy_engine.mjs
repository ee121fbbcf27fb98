// A line of JSON on stdin is a request with its policies; the line that answers it is the decision, or why there is none.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const load = createRequire(process.argv[2])
const { isConditionKeyArray, runSimulation, typeForContextKey } = load('@cloud-copilot/iam-simulate')
const { validateTrustPolicy } = load('@cloud-copilot/iam-policy')

// Of several values for a key that has one, the simulator would take the first.
async function keyWithTooManyValues(context) {
  for (const [key, value] of Object.entries(context)) {
    if (Array.isArray(value) && !isConditionKeyArray(await typeForContextKey(key.toLowerCase()))) return key
  }
  return undefined
}

function firstInvalid(errors) {
  const lists = Object.values(errors).flatMap((found) =>
    Array.isArray(found) ? [['', found]] : Object.entries(Object(found)),
  )
  const [name, [first]] = lists[0]
  return [name, `${first.path}: ${first.message}`].filter(Boolean).join(', ')
}

function explained(analysis) {
  const { allowStatements = [], denyStatements = [], unmatchedStatements = [], result } = analysis ?? {}
  const statements = [...denyStatements, ...allowStatements, ...unmatchedStatements]
  return { result, statements: statements.map(({ policyId, explain }) => ({ policy: policyId, ...explain })) }
}

async function decide({ simulation, trust }) {
  if (trust) {
    const [first] = validateTrustPolicy(simulation.resourcePolicy)
    if (first) return { error: 'policy.errors', detail: `${first.path}: ${first.message}` }
  }
  const { resultType, overallResult, result, errors } = await runSimulation(simulation, {})
  if (resultType === 'error') {
    const { message, ...invalid } = errors
    return { error: message, detail: Object.keys(invalid).length ? firstInvalid(invalid) : undefined }
  }
  if (resultType === 'wildcard') return { error: 'several.resources' }
  const [ignored] = result.ignoredContextKeys
  if (ignored) return { error: 'unknown.key', detail: ignored }
  const key = await keyWithTooManyValues(simulation.request.contextVariables)
  if (key) return { error: 'several.values', detail: key }
  const { identityAnalysis, resourceAnalysis, permissionBoundaryAnalysis } = result.analysis
  return {
    result: overallResult,
    identity: explained(identityAnalysis),
    resource: explained(resourceAnalysis),
    boundary: explained(permissionBoundaryAnalysis),
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await decide(JSON.parse(line)).catch((error) => ({ error: 'failed', detail: error.message }))
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
