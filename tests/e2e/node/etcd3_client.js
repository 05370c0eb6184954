// What programs do with npm's etcd3, each part by its name: `node etcd3_client.js HOST:PORT PART`. Prints what it
// sees; the test compares.
'use strict';
const { Etcd3, EtcdLockFailedError, EtcdLeaseInvalidError } = require('etcd3');

const [address, part] = process.argv.slice(2);
const client = new Etcd3({ hosts: `http://${address}` });
const say = (...words) => console.log(...words);
const event = (emitter, name) => new Promise((resolve) => emitter.once(name, resolve));
async function refusal(promise, kind) {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return error instanceof kind ? kind.name : String(error);
  }
}

const parts = {
  async locks() {
    const lock = client.lock('job');
    await lock.acquire();
    say(await refusal(client.lock('job').acquire(), EtcdLockFailedError));
    await lock.release();
    say(await client.lock('job').ttl(5).do(async () => 'done'));
  },

  // On a server on which nothing has happened yet: the first claim of all has nobody before it.
  async elections() {
    const election = client.election('mayor', 5);
    const first = election.campaign('one');
    await first.wait();
    say('leader', await election.leader());
    const second = election.campaign('two');
    let has_won = false;
    second.on('elected', () => { has_won = true; });
    await event(second, '_isWaiting');
    const observer = await election.observe();
    say('observed', observer.leader());
    let changed = event(observer, 'change');
    await first.proclaim('uno');
    say('observed', await changed, has_won);
    await first.resign();
    while (observer.leader() !== 'two') await event(observer, 'change');
    while (!has_won) await event(second, 'elected');
    say('leader', await election.leader());
    await second.resign();
    while (observer.leader() !== undefined) await event(observer, 'change');
    await observer.cancel();
    say('leader', await election.leader());
  },

  async leases() {
    const lease = client.lease(1);
    await lease.put('leased').value('v');
    for (let i = 0; i < 4; ++i) await event(lease, 'keepaliveSucceeded');
    say(await client.get('leased').string());
    await lease.revoke();
    say(await client.get('leased').string());
    const lost = client.lease(1);
    const id = await lost.grant();
    const loss = event(lost, 'lost');
    await client.leaseClient.leaseRevoke({ ID: id });
    say((await loss) instanceof EtcdLeaseInvalidError);
    say(await refusal(client.put('k').value('v').lease('77'), EtcdLeaseInvalidError));
  },

  async watches() {
    const watchers = await Promise.all(['a/', 'b/'].map((prefix) => client.watch().prefix(prefix).withPreviousKV().create()));
    const seen = [];
    let arrived = () => {};
    for (const watcher of watchers) {
      watcher.on('put', (kv, before) => seen.push(`${kv.key}=${kv.value} ${before && before.value}`) && arrived());
      watcher.on('delete', (kv, before) => seen.push(`${kv.key} gone ${before.value}`) && arrived());
    }
    await client.put('a/1').value('x');
    await client.put('c/1').value('x');
    await client.put('a/1').value('y');
    await client.put('b/1').value('z');
    await client.delete().prefix('a/');
    while (seen.length < 4) await new Promise((resolve) => { arrived = resolve; });
    say(seen.filter((one) => one.startsWith('a')).join(', '));
    say(seen.filter((one) => one.startsWith('b')).join(', '));
    await watchers[0].cancel();
    await client.put('b/2').value('still');
    while (seen.length < 5) await new Promise((resolve) => { arrived = resolve; });
    say(seen[4]);
    await watchers[1].cancel();
  },

  async keys() {
    const put = () => client.if('k', 'Create', '==', 0).then(client.put('k').value('mine')).else(client.get('k')).commit();
    const first = await put();
    const second = await put();
    say(first.succeeded, second.succeeded, second.responses[0].response_range.kvs[0].value.toString());
    await Promise.all(Array.from({ length: 600 }, (_, i) => client.put(`many/${i}`).value('v')));
    say(await client.getAll().prefix('many/').count());
    say((await client.getAll().prefix('many/').sort('Key', 'Descend').limit(2).keys()).join(' '));
    await client.put('large').value('v'.repeat(65536));
    say((await client.get('large').string()).length);
    const space = client.namespace('space/');
    await space.put('k').value('inside');
    say(await client.get('space/k').string(), (await client.delete().all()).deleted);
  },
};

parts[part]().then(() => client.close(), (error) => {
  console.error(error);
  process.exit(1);
});
