// The Durable HTTP API over the in-memory engine of npm `@microsoft/durabletask-js`: a backend whose
// orchestrations, replay and states are not ours. Its engine knows no entities, so those routes are
// not here; what it runs is read from the input as in rehearsal/plan.hpp (steps, stepMilliseconds,
// waitForEvent, fail, output).
//
//   node engine_backend.mjs [PORT]        prints "listening on 127.0.0.1:PORT"
import {randomUUID} from 'node:crypto';
import {createServer} from 'node:http';
import {createRequire} from 'node:module';

const require = createRequire(import.meta.url);  // looks in NODE_PATH too
const engine = require('@microsoft/durabletask-js');

const hub = 'Engine';
const backend = new engine.InMemoryOrchestrationBackend();
const client = new engine.TestOrchestrationClient(backend);
const worker = new engine.TestOrchestrationWorker(backend);
const started = new Map();  // id -> {name, input}: the engine cannot list what it has
const repaired = new Set();

worker.addNamedActivity('Step', (_, number) => `step ${number}`);
worker.addNamedActivity('Fail', (_, id) => {  // once; a rewind finds it repaired
  if (repaired.has(id)) return;
  repaired.add(id);
  throw new Error('told to fail');
});
worker.addNamedOrchestrator('Hello', async function* hello(context, input) {
  const plan = input ?? {};
  const results = [];
  for (let number = 1; number <= (plan.steps ?? 1); ++number) {
    const due = context.currentUtcDateTime.getTime() + (plan.stepMilliseconds ?? 1);
    yield context.createTimer(new Date(due));
    results.push(yield context.callActivity('Step', number));
  }
  if (plan.waitForEvent) yield context.waitForExternalEvent(plan.waitForEvent);
  if (plan.fail) yield context.callActivity('Fail', context.instanceId);
  return plan.output ?? results;
});
// Its own idle loop turns without a pause, which takes a whole core from the tests.
worker.yieldToEventLoop = () => new Promise((resolve) => setTimeout(resolve, 2));

const statusNames = new Map([
  ['RUNNING', 'Running'], ['COMPLETED', 'Completed'], ['FAILED', 'Failed'], ['TERMINATED', 'Terminated'],
  ['CONTINUED_AS_NEW', 'ContinuedAsNew'], ['PENDING', 'Pending'], ['SUSPENDED', 'Suspended'],
]);
const ended = ['Completed', 'Failed', 'Terminated'];

const statusName = (state) => statusNames.get(engine.OrchestrationStatus[state.runtimeStatus]);
const time = (date) => `${date.toISOString().slice(0, 19)}Z`;
const embedded = (text) => (text === undefined ? null : JSON.parse(text));

function statusObject(state) {
  return {
    name: state.name,
    instanceId: state.instanceId,
    runtimeStatus: statusName(state),
    input: embedded(state.serializedInput),
    customStatus: embedded(state.serializedCustomStatus),
    output: state.failureDetails ? state.failureDetails.message : embedded(state.serializedOutput),
    createdTime: time(state.createdAt),
    lastUpdatedTime: time(state.lastUpdatedAt),
  };
}

const nothing = (status) => ({status});
const json = (status, body, headers = {}) => ({status, headers, body: JSON.stringify(body)});
const refused = (message, exception) => json(500, {
  Message: message, ExceptionMessage: exception, ExceptionType: 'System.InvalidOperationException', StackTrace: '',
});

function checkStatus(origin, id) {
  const instance = `${origin}/runtime/webhooks/durabletask/instances/${encodeURIComponent(id)}`;
  const common = `taskHub=${hub}&connection=Storage`;
  const reason = (action) => `${instance}/${action}?reason={text}&${common}`;
  return json(202, {
    id,
    statusQueryGetUri: `${instance}?${common}`,
    sendEventPostUri: `${instance}/raiseEvent/{eventName}?${common}`,
    terminatePostUri: reason('terminate'),
    purgeHistoryDeleteUri: `${instance}?${common}`,
    restartPostUri: `${instance}/restart?${common}`,
    suspendPostUri: reason('suspend'),
    resumePostUri: reason('resume'),
  }, {Location: `${instance}?${common}`, 'Retry-After': '10'});
}

async function start(origin, name, id, input) {
  const existing = await client.getOrchestrationState(id);
  if (existing && !ended.includes(statusName(existing)))
    return refused('Something went wrong.', `An Orchestration instance with the status ${statusName(existing)} already exists.`);
  if (existing) await client.purgeOrchestration(id);
  await client.scheduleNewOrchestration(name, input, id);
  started.set(id, {name, input});
  return checkStatus(origin, id);
}

async function control(action, id, state, request) {
  if (action === 'restart') {
    const {name, input} = started.get(id);
    return start(request.origin, name, randomUUID().replaceAll('-', ''), input);
  }
  if (action === 'rewind') {
    if (statusName(state) !== 'Failed') return ended.includes(statusName(state)) ? nothing(410) : refused('', 'not failed');
    await client.rewindOrchestration(id, request.query.get('reason') ?? '');
    return nothing(202);
  }
  if (ended.includes(statusName(state))) return nothing(410);
  if (action === 'terminate') await client.terminateOrchestration(id, request.query.get('reason'));
  else if (action === 'suspend') await client.suspendOrchestration(id);
  else if (action === 'resume') await client.resumeOrchestration(id);
  else return nothing(404);
  return nothing(202);
}

async function states(query) {
  const wanted = (query.get('runtimeStatus') ?? '').split(',').filter(Boolean);
  const from = new Date(query.get('createdTimeFrom') ?? 0);
  const all = await Promise.all([...started.keys()].map((id) => client.getOrchestrationState(id)));
  return all.filter((state) => state.createdAt >= from && (wanted.length === 0 || wanted.includes(statusName(state))));
}

async function purge(ids) {
  for (const id of ids) {
    await client.purgeOrchestration(id);
    started.delete(id);
  }
  return ids.length === 0 ? nothing(404) : json(200, {instancesDeleted: ids.length});
}

async function instanceRoute(method, [id, action, event], request) {
  if (id === undefined) {
    if (method === 'GET') return json(200, (await states(request.query)).map(statusObject), {'x-ms-continuation-token': ''});
    if (method !== 'DELETE') return nothing(404);
    if (!request.query.has('createdTimeFrom')) return json(400, {Message: 'createdTimeFrom is needed.'});
    const old = (await states(request.query)).filter((state) => ended.includes(statusName(state)));
    return purge(old.map((state) => state.instanceId));
  }
  const state = await client.getOrchestrationState(id);
  if (!state) return action === 'restart' ? json(400, {Message: 'no such instance'}) : nothing(404);
  if (action === undefined && method === 'DELETE') return purge([id]);
  if (action === undefined && method === 'GET') {
    if (ended.includes(statusName(state))) return json(200, statusObject(state));
    return json(202, statusObject(state), {Location: request.origin + request.target, 'Retry-After': '5'});
  }
  if (method !== 'POST') return nothing(404);
  if (action.toLowerCase() !== 'raiseevent') return control(action, id, state, request);
  if (ended.includes(statusName(state))) return nothing(410);
  await client.raiseOrchestrationEvent(id, event, request.body === '' ? null : JSON.parse(request.body));
  return nothing(202);
}

async function route(method, request) {
  if (request.path === '/api/health') return json(200, {name: 'engine', state: 'running'});
  const parts = request.path.split('/').filter(Boolean).map(decodeURIComponent);
  if (parts.splice(0, 3).join('/').toLowerCase() !== 'runtime/webhooks/durabletask') return nothing(404);
  const kind = parts.shift()?.toLowerCase();
  if (kind === 'instances') return instanceRoute(method, parts, request);
  if (kind !== 'orchestrators' || method !== 'POST') return nothing(404);
  const [name, id = randomUUID().replaceAll('-', '')] = parts;
  if (name !== 'Hello') return json(400, {Message: `There is no orchestrator function named '${name}'.`});
  return start(request.origin, name, id, request.body === '' ? undefined : JSON.parse(request.body));
}

const server = createServer(async (incoming, outgoing) => {
  let body = '';
  for await (const piece of incoming.setEncoding('utf8')) body += piece;
  const [path, query = ''] = incoming.url.split('?');
  const request = {
    origin: `http://${incoming.headers.host}`, target: incoming.url, path, query: new URLSearchParams(query), body,
  };
  const answer = await route(incoming.method, request)
    .catch((error) => refused('Something went wrong.', String(error.message)));
  const type = answer.body === undefined ? {} : {'Content-Type': 'application/json; charset=utf-8'};
  outgoing.writeHead(answer.status, {...type, ...answer.headers}).end(answer.body);
});
await worker.start();
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () =>
  console.log(`listening on 127.0.0.1:${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
