// Drives the DurableClient of npm `durable-functions` against a base URL, as a function app written
// in JavaScript would, and checks every answer. One JSON line on standard output for each step; exit
// code 1 when a step fails.
//
//   node durable_client.mjs --base http://127.0.0.1:8080 --hub Orders [--key K] [--rpc]
//                           [--without entities|purge-many] STORY [ID]
//
// Stories:
//   whole       every call of the client, each on instances of its own
//   begin ID    starts an instance that waits for the event "Go"
//   watch ID    polls an instance until it has ended; every answer must be of that instance
//   finish ID   the instance is there and still waits: raises the event and sees it complete
//   seen ID     the instance is there and completed
//   gone ID     the instance is not there
import assert from 'node:assert/strict';
import {createRequire} from 'node:module';
import {parseArgs} from 'node:util';

const require = createRequire(import.meta.url);  // looks in NODE_PATH too
const {values: options, positionals: [story, givenId]} = parseArgs({
  allowPositionals: true,
  options: {
    base: {type: 'string'},
    hub: {type: 'string'},
    key: {type: 'string', default: ''},
    rpc: {type: 'boolean', default: false},
    without: {type: 'string', multiple: true, default: []},
  },
});
const base = new URL(options.base);
const api = `${base.origin}/runtime/webhooks/durabletask`;
const patience = 60_000;

// Without it the SDK takes itself to be run by the local tools and goes to port 7071.
process.env.WEBSITE_HOSTNAME = base.host;
const functions = require('durable-functions');

// What the Functions host hands to a function with a client binding.
function binding() {
  const common = `taskHub=${options.hub}&connection=Storage` + (options.key ? `&code=${options.key}` : '');
  const instance = `${api}/instances/INSTANCEID`;
  return {
    taskHubName: options.hub,
    creationUrls: {
      createNewInstancePostUri: `${api}/orchestrators/{functionName}[/{instanceId}]?${common}`,
      createAndWaitOnNewInstancePostUri:
        `${api}/orchestrators/{functionName}[/{instanceId}]?timeout={timeoutInSeconds}` +
        `&pollingInterval={intervalInSeconds}&${common}`,
    },
    managementUrls: {
      id: 'INSTANCEID',
      statusQueryGetUri: `${instance}?${common}`,
      sendEventPostUri: `${instance}/raiseEvent/{eventName}?${common}`,
      terminatePostUri: `${instance}/terminate?reason={text}&${common}`,
      rewindPostUri: `${instance}/rewind?reason={text}&${common}`,
      purgeHistoryDeleteUri: `${instance}?${common}`,
      restartPostUri: `${instance}/restart?${common}`,
      suspendPostUri: `${instance}/suspend?reason={text}&${common}`,
      resumePostUri: `${instance}/resume?reason={text}&${common}`,
    },
    baseUrl: api,
    requiredQueryStringParameters: common,
    // A worker on the same machine is given this one, which it prefers to the URLs above.
    rpcBaseUrl: options.rpc ? `${api}/` : undefined,
  };
}

const input = functions.input.durableClient();
const client = functions.getClient({
  options: {extraInputs: [input]},
  extraInputs: {get: () => binding()},
});

const failed = [];
async function step(name, action) {
  const began = performance.now();
  let error;
  let value;
  try {
    value = await action();
  } catch (caught) {
    error = String(caught?.message ?? caught);
    failed.push(name);
  }
  const line = {step: name, ok: error === undefined, ms: Math.round(performance.now() - began)};
  if (error !== undefined) line.error = options.key ? error.replaceAll(options.key, '***') : error;
  console.log(JSON.stringify(line));
  return value;
}

async function poll(what, action, good) {
  const limit = performance.now() + patience;
  for (;;) {
    const value = await action();
    if (good(value)) return value;
    assert.ok(performance.now() < limit, `${what} never came; the last answer: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function statusOf(id) {
  const status = await client.getStatus(id);
  assert.equal(status.instanceId, id);
  return status;
}

const ended = ['Completed', 'Failed', 'Terminated', 'Canceled'];
async function until(id, runtimeStatus) {
  const status = await poll(`${id} ${runtimeStatus}`, () => statusOf(id), (one) =>
    one.runtimeStatus === runtimeStatus || ended.includes(one.runtimeStatus));
  assert.equal(status.runtimeStatus, runtimeStatus, JSON.stringify(status));
  return status;
}

// Every URL of a payload must lead back to where the client came from.
function assertHere(payload) {
  for (const [name, url] of Object.entries(payload))
    if (name.toLowerCase() !== 'id' && url !== null)
      assert.ok(url.startsWith(`${base.origin}/`), `${name} leads elsewhere: ${new URL(url).origin}`);
}

const names = new Set();
function newId(word) {
  const id = `${word}-${process.pid}-${names.size}`;
  names.add(id);
  return id;
}

async function expectError(promise, pattern) {
  await assert.rejects(promise, (error) => {
    assert.match(error.message, pattern);
    return true;
  });
}

async function startAndStatus() {
  const id = newId('plain');
  const given = {steps: 2, stepMilliseconds: 5, output: {sum: 3}};
  await step('start', async () => assert.equal(await client.startNew('Hello', {instanceId: id, input: given}), id));
  await step('status', async () => {
    const status = await until(id, 'Completed');
    assert.equal(status.name, 'Hello');
    assert.deepEqual(status.output, {sum: 3});
    assert.deepEqual(status.input, given);
    assert.ok(new Date(status.createdTime) <= new Date(status.lastUpdatedTime));
  });
  await step('start without an id', async () => {
    const made = await client.startNew('Hello', {input: {steps: 1, stepMilliseconds: 1}});
    assert.match(made, /^[0-9a-f-]{32,36}$/);
    await until(made, 'Completed');
  });
  await step('status of an unknown id', () => expectError(client.getStatus('never-started'), /HTTP 404/));
  await step('event to an instance that has ended', () => client.raiseEvent(id, 'Go', 1));
  return id;
}

async function eventsAndControl() {
  const id = newId('waits');
  await step('start one that waits', () =>
    client.startNew('Hello', {instanceId: id, input: {steps: 1, stepMilliseconds: 1, waitForEvent: 'Go'}}));
  await step('running', () => until(id, 'Running'));
  await step('a second start of a live id is refused', () =>
    expectError(client.startNew('Hello', {instanceId: id}), /status code: (500|409)/));
  await step('suspend', async () => {
    await client.suspend(id, 'a pause');
    await until(id, 'Suspended');
  });
  await step('resume', async () => {
    await client.resume(id, 'go on');
    await until(id, 'Running');
  });
  await step('raise an event', async () => {
    await client.raiseEvent(id, 'Go', {answer: 42});
    await until(id, 'Completed');
  });
  await step('event to an unknown id', () => expectError(client.raiseEvent('never-started', 'Go', 1), /No instance/));
  const victim = newId('ends');
  await step('terminate', async () => {
    await client.startNew('Hello', {instanceId: victim, input: {steps: 1, stepMilliseconds: 1, waitForEvent: 'Never'}});
    await client.terminate(victim, 'enough');
    await until(victim, 'Terminated');
  });
  const broken = newId('fails');
  await step('failure', async () => {
    await client.startNew('Hello', {instanceId: broken, input: {steps: 1, stepMilliseconds: 1, fail: true}});
    await until(broken, 'Failed');
  });
  await step('rewind', async () => {
    await client.rewind(broken, 'repaired');
    await poll('the repaired run', () => statusOf(broken), (status) => status.runtimeStatus === 'Completed');
  });
  return {id, victim, broken};
}

async function linksAndRestart(id) {
  const checkStatus = client.createCheckStatusResponse({url: `${base.origin}/api/start`}, id);
  const links = await checkStatus.json();
  await step('links of the client', async () => {
    assert.equal(checkStatus.status, 202);
    assertHere(links);
    const answer = await fetch(links.statusQueryGetUri);
    assert.equal(answer.status, 200);
    assert.equal((await answer.json()).instanceId, id);
  });
  await step('restart', async () => {
    const answer = await fetch(links.restartPostUri, {method: 'POST'});
    assert.equal(answer.status, 202);
    const payload = await answer.json();
    assertHere(payload);
    assert.ok(answer.headers.get('location').startsWith(`${base.origin}/`));
    assert.notEqual(payload.id, id);
    const status = await until(payload.id, 'Completed');
    assert.deepEqual(status.output, {sum: 3});
  });
}

async function listAndPurge(began, {plain, victim, broken}) {
  await step('list', async () => {
    const all = (await client.getStatusAll()).map((one) => one.instanceId);
    for (const id of [plain, victim, broken]) assert.ok(all.includes(id), `${id} is not listed`);
  });
  await step('list by status', async () => {
    const some = await client.getStatusBy({runtimeStatus: ['Terminated'], createdTimeFrom: began});
    assert.ok(some.some((one) => one.instanceId === victim));
    assert.ok(some.every((one) => one.runtimeStatus === 'Terminated'));
  });
  await step('purge', async () => {
    assert.equal((await client.purgeInstanceHistory(plain)).instancesDeleted, 1);
    await expectError(client.getStatus(plain), /HTTP 404/);
    assert.equal((await client.purgeInstanceHistory(plain)).instancesDeleted, 0);
  });
  if (options.without.includes('purge-many')) return;  // it takes what other clients have ended
  await step('purge by status', async () => {
    const purged = await client.purgeInstanceHistoryBy({createdTimeFrom: began, runtimeStatus: ['Terminated']});
    assert.ok(purged.instancesDeleted >= 1);
    await expectError(client.getStatus(victim), /HTTP 404/);
  });
}

async function entities() {
  const counter = new functions.EntityId('Counter', newId('key'));
  await step('state of an entity that does not exist', async () =>
    assert.equal((await client.readEntityState(counter)).entityExists, false));
  await step('signal an entity', async () => {
    for (const n of [4, 38]) await client.signalEntity(counter, 'add', n);
  });
  await step('state of an entity', async () => {
    const state = await poll('42', () => client.readEntityState(counter), (one) => one.entityState === 42);
    assert.equal(state.entityExists, true);
  });
  await step('list of entities', async () => {
    const answer = await fetch(`${api}/entities/Counter?fetchState=true&${binding().requiredQueryStringParameters}`);
    assert.equal(answer.status, 200);
    const found = (await answer.json()).find((one) => one.entityId.key === counter.key);
    assert.ok(found, 'the entity is not listed');
    assert.equal(found.state, 42);
  });
  await step('delete an entity', async () => {
    await client.signalEntity(counter, 'delete');
    await poll('its end', () => client.readEntityState(counter), (one) => !one.entityExists);
  });
}

async function whole() {
  const began = new Date(Date.now() - 2000);  // times of the API have no fraction
  const plain = await startAndStatus();
  const {victim, broken} = await eventsAndControl();
  await linksAndRestart(plain);
  if (!options.without.includes('entities')) await entities();
  await listAndPurge(began, {plain, victim, broken});
}

const stories = {
  whole,
  begin: (id) => step('begin', async () => {
    assert.equal(await client.startNew('Hello', {
      instanceId: id,
      input: {steps: 2, stepMilliseconds: 5, waitForEvent: 'Go'},
    }), id);
    await until(id, 'Running');
  }),
  watch: async (id) => {
    await step('watching', () => until(id, 'Running'));
    await step('watch', () => until(id, 'Completed'));
  },
  finish: async (id) => {
    await step('still there', () => until(id, 'Running'));
    await step('finish', async () => {
      await client.raiseEvent(id, 'Go', null);
      await until(id, 'Completed');
    });
  },
  seen: (id) => step('seen', () => until(id, 'Completed')),
  gone: (id) => step('gone', () => expectError(client.getStatus(id), /HTTP 404/)),
};

assert.ok(Object.hasOwn(stories, story ?? ''), `no story named ${story}`);
await stories[story](givenId);
process.exitCode = failed.length === 0 ? 0 : 1;
