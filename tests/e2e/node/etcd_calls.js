// Calls an etcd, real or ours, by its own API and prints what came back, one line a call: what the two print
// can be compared. `node etcd_calls.js HOST:PORT FOLDER` with the repository's root as FOLDER.
'use strict';
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [address, root] = process.argv.slice(2);
const files = ['rpc', 'v3lock', 'v3election'].map((name) => `pkg/etcd/${name}.proto`);
const api = grpc.loadPackageDefinition(
    loader.loadSync(files, { keepCase: true, longs: String, enums: String, defaults: true, includeDirs: [root] }));
const service = (kind) => new kind(address, grpc.credentials.createInsecure());
const kv = service(api.etcdserverpb.KV);
const lease = service(api.etcdserverpb.Lease);
const watch = service(api.etcdserverpb.Watch);
const lock = service(api.v3lockpb.Lock);
const election = service(api.v3electionpb.Election);

// What differs from server to server is left out; bytes are shown as text.
function plain(value) {
  if (Buffer.isBuffer(value)) return value.toString('latin1');
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value;
  const out = {};
  for (const [key, one] of Object.entries(value)) {
    if (key === 'header') out.revision = one && one.revision;
    else if (!['cluster_id', 'member_id', 'raft_term'].includes(key)) out[key] = plain(one);
  }
  return out;
}

function bytes(value) {
  if (typeof value === 'string') return Buffer.from(value, 'latin1');
  if (Array.isArray(value)) return value.map(bytes);
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, kWords.has(key) ? one : bytes(one)]));
}
const kWords = new Set(['target', 'result', 'sort_order', 'sort_target', 'filters', 'rev', 'lease']);

function call(client, method, request, options = {}) {
  return new Promise((resolve) => {
    client[method](bytes(request), new grpc.Metadata(), options, (error, response) => {
      resolve(error ? { code: error.code, details: error.details } : plain(response));
    });
  });
}

async function show(client, method, request, options) {
  const answer = await call(client, method, request, options);
  console.log(method, JSON.stringify(request), JSON.stringify(answer));
  return answer;
}

// A stream whose messages can be awaited one by one.
class Inbox {
  constructor(stream) {
    this.stream = stream;
    this.messages = [];
    this.waiting = [];
    const deliver = (message) => {
      const next = this.waiting.shift();
      if (next) next(message);
      else this.messages.push(message);
    };
    stream.on('data', (message) => deliver(plain(message)));
    stream.on('error', (error) => deliver({ code: error.code, details: error.details }));
    stream.on('end', () => deliver('end'));
  }
  next() {
    if (this.messages.length > 0) return Promise.resolve(this.messages.shift());
    return new Promise((resolve) => this.waiting.push(resolve));
  }
  async show(what) {
    console.log(what, JSON.stringify(await this.next()));
  }
}

async function keys() {
  const end = '\0';
  await show(kv, 'Range', { key: 'nothing' });
  await show(kv, 'Put', { key: 'a', value: '1' });
  await show(kv, 'Put', { key: 'a', value: '2', prev_kv: true });
  for (const key of ['b', 'c', 'ca', '\xff']) await show(kv, 'Put', { key, value: key });
  for (const query of [
    { key: 'a' }, { key: 'a', range_end: 'c' }, { key: 'c', range_end: end }, { key: end, range_end: end },
    { key: 'c', range_end: 'd', keys_only: true }, { key: 'a', range_end: end, count_only: true },
    { key: 'a', range_end: end, limit: 2 }, { key: 'a', range_end: end, limit: 9, sort_order: 'DESCEND' },
    { key: 'a', range_end: end, limit: 1, sort_order: 'DESCEND', sort_target: 'CREATE' },
    { key: 'a', range_end: end, sort_order: 'ASCEND', sort_target: 'MOD' },
    { key: 'a', range_end: end, sort_order: 'DESCEND', sort_target: 'VALUE', keys_only: true },
    { key: 'a', range_end: end, sort_target: 'VERSION', keys_only: true },
    { key: 'c', range_end: 'a' }, { key: '' }, { key: 'a', revision: 1000 },
  ]) await show(kv, 'Range', query);
  for (const put of [
    { key: '', value: 'x' }, { key: 'a', value: 'x', lease: 77 }, { key: 'a', value: 'x', ignore_value: true },
    { key: 'a', lease: 77, ignore_lease: true }, { key: 'none', ignore_value: true },
    { key: 'a', ignore_value: true, prev_kv: true },
  ]) await show(kv, 'Put', put);
  await show(kv, 'DeleteRange', { key: '' });
  await show(kv, 'DeleteRange', { key: 'none' });
  await show(kv, 'DeleteRange', { key: 'c', range_end: 'd', prev_kv: true });
}

async function transactions() {
  const compare = (key, target, result, field, value, more) => ({ key, target, result, [field]: value, ...more });
  const put = (key, value) => ({ request_put: { key, value } });
  const get = (key, more) => ({ request_range: { key, ...more } });
  const erase = (key, more) => ({ request_delete_range: { key, ...more } });
  for (const one of [
    compare('t', 'CREATE', 'EQUAL', 'create_revision', 0), compare('a', 'VALUE', 'EQUAL', 'value', '2'),
    compare('a', 'VERSION', 'GREATER', 'version', 2), compare('a', 'MOD', 'LESS', 'mod_revision', 1000),
    compare('none', 'VALUE', 'EQUAL', 'value', ''), compare('none', 'VALUE', 'NOT_EQUAL', 'value', 'x'),
    compare('a', 'LEASE', 'EQUAL', 'lease', 0), compare('none', 'VERSION', 'NOT_EQUAL', 'version', 1),
    compare('a', 'CREATE', 'GREATER', 'create_revision', 0, { range_end: 'z' }),
    compare('x', 'CREATE', 'GREATER', 'create_revision', 0, { range_end: 'z' }),
    compare('', 'CREATE', 'EQUAL', 'create_revision', 0),
  ]) await show(kv, 'Txn', { compare: [one], success: [put('t', 'yes'), get('t')], failure: [get('a')] });
  for (const success of [
    [], [get('a')], [get('t'), erase('t', { prev_kv: true }), get('t')], [put('d', '1'), put('d', '2')],
    [put('d', '1'), erase('a', { range_end: 'z' })], [erase('d'), put('d', '1')], [put('', '1')],
    [{ request_put: { key: 'd', value: '1', lease: 77 } }], [put('d', '1'), get('d'), put('e', '1')],
    Array.from({ length: 129 }, (_, i) => put(`many${i}`, '')),
  ]) {
    const answer = await call(kv, 'Txn', { success });
    console.log('Txn', JSON.stringify(success).slice(0, 200), JSON.stringify(answer));
  }
}

async function leases() {
  await show(lease, 'LeaseGrant', { TTL: 1000, ID: 500 });
  await show(lease, 'LeaseGrant', { TTL: 1000, ID: 500 });
  await show(lease, 'LeaseGrant', { TTL: 9000000001, ID: 501 });
  await show(kv, 'Put', { key: 'leased/1', value: 'x', lease: 500 });
  await show(kv, 'Put', { key: 'leased/2', value: 'x', lease: 500 });
  await show(kv, 'Put', { key: 'leased/2', value: 'y', ignore_lease: true });
  await show(kv, 'Range', { key: 'leased/', range_end: 'leased0' });
  const life = await call(lease, 'LeaseTimeToLive', { ID: 500, keys: true });
  console.log(life.grantedTTL, JSON.stringify(life.keys.sort()), Number(life.TTL) > 990);
  await show(lease, 'LeaseTimeToLive', { ID: 502, keys: true });
  await show(lease, 'LeaseLeases', {});
  const stream = lease.LeaseKeepAlive();
  const kept = new Inbox(stream);
  for (const ID of [500, 502, 500]) {
    stream.write({ ID });
    await kept.show('keep alive');
  }
  stream.end();
  await kept.show('keep alive');
  await show(lease, 'LeaseRevoke', { ID: 500 });
  await show(lease, 'LeaseRevoke', { ID: 500 });
  await show(kv, 'Range', { key: 'leased/', range_end: 'leased0' });
}

async function watches() {
  const stream = watch.Watch();
  const seen = new Inbox(stream);
  const create = async (request) => {
    stream.write({ create_request: bytes(request) });
    await seen.show(`watch ${JSON.stringify(request)}`);
  };
  await create({ key: 'w/', range_end: 'w0', prev_kv: true });
  await create({ key: 'w/1', filters: ['NOPUT'] });
  await create({ key: 'w/2', filters: ['NODELETE'], watch_id: 70 });
  await create({ key: 'w/3', watch_id: 70 });
  await call(kv, 'Put', bytes({ key: 'w/1', value: 'a' }));
  await seen.show('put 1');
  await call(kv, 'Put', bytes({ key: 'w/1', value: 'b' }));
  await seen.show('put 1 again');
  stream.write({ cancel_request: { watch_id: 0 } });
  await seen.show('cancelled');
  const erased = await call(kv, 'DeleteRange', bytes({ key: 'w/', range_end: 'w0' }));
  await seen.show('erase 1');
  await call(kv, 'Put', bytes({ key: 'w/2', value: 'c' }));
  await seen.show('put 2');
  await create({ key: 'w/1', start_revision: Number(erased.revision) - 1, prev_kv: true });
  await seen.show('from before');
  await create({ key: 'w/9', start_revision: Number(erased.revision) + 3 });
  for (let i = 0; i < 3; ++i) await call(kv, 'Put', bytes({ key: 'w/9', value: String(i) }));
  await seen.show('from later on');
  await seen.show('from later on');
  stream.write({ progress_request: {} });
  await seen.show('progress');
  stream.end();
  await call(kv, 'Put', bytes({ key: 'w/9', value: 'end' }));
  await seen.show('from later on');
  stream.cancel();
}

async function locks() {
  for (const ID of [601, 602]) await call(lease, 'LeaseGrant', { TTL: 1000, ID });
  await show(lock, 'Lock', { name: 'door', lease: 601 });
  await show(lock, 'Lock', { name: 'door', lease: 601 });
  const late = await call(lock, 'Lock', bytes({ name: 'door', lease: 602 }), { deadline: Date.now() + 300 });
  console.log('late', late.code !== undefined);  // etcd's code depends on who notices first
  let is_second = false;
  const second = call(lock, 'Lock', bytes({ name: 'door', lease: 602 })).then((got) => {
    is_second = true;
    return got;
  });
  while ((await call(kv, 'Range', bytes({ key: 'door/', range_end: 'door0' }))).count !== '2');
  console.log('waits', !is_second);
  await show(lock, 'Unlock', { key: 'door/259' });
  console.log('second', JSON.stringify(await second));
  await show(lock, 'Unlock', { key: 'door/25a' });
  await show(lock, 'Unlock', { key: 'door/25a' });
  console.log('no lease', (await call(lock, 'Lock', bytes({ name: 'door', lease: 999 }))).details);
  const own = await call(lock, 'Lock', bytes({ name: '/slashed' }));
  console.log('own', own.key.replace(/[0-9a-f]+$/, 'LEASE'), own.revision);
  await call(lock, 'Unlock', bytes({ key: own.key }));
}

async function elections() {
  const one = await show(election, 'Campaign', { name: 'mayor', lease: 601, value: 'one' });
  const observed = new Inbox(election.Observe(bytes({ name: 'mayor' })));
  await observed.show('observed');
  const two = call(election, 'Campaign', bytes({ name: 'mayor', lease: 602, value: 'two' }));
  while ((await call(kv, 'Range', bytes({ key: 'mayor/', range_end: 'mayor0' }))).count !== '2');
  await show(election, 'Leader', { name: 'mayor' });
  await show(election, 'Proclaim', { leader: one.leader, value: 'uno' });
  await observed.show('observed');
  await show(election, 'Resign', { leader: one.leader });
  console.log('second', JSON.stringify((await two).leader));
  await observed.show('observed');
  await show(election, 'Proclaim', { leader: one.leader, value: 'nobody' });
  await show(election, 'Resign', { leader: (await two).leader });
  await show(election, 'Leader', { name: 'mayor' });
  observed.stream.cancel();
}

async function main() {
  for (const part of [keys, transactions, leases, watches, locks, elections]) {
    console.log(`-- ${part.name}`);
    await part();
  }
  process.exit(0);  // etcd's own connection stays open for a cancelled Observe
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
