// redlock over ioredis, unchanged: two clients who want the same locks, and many who count under one.
// Arguments: the port, the version of redlock's interface (4 or 5).
"use strict";

const assert = require("assert");
const Redis = require("ioredis");

const [port, version] = [Number(process.argv[2]), Number(process.argv[3])];
const module_ = require("redlock");
const Redlock = module_.default || module_;
const settings = { retryCount: 2, retryDelay: 10, retryJitter: 0 };

const clients = [];
function redis() {
  const client = new Redis(port, "127.0.0.1");
  clients.push(client);
  return client;
}

// One interface for both versions: in 4 it is lock(), unlock(), in 5 acquire(), release().
function locker(more = {}) {
  const redlock = new Redlock([redis()], { ...settings, ...more });
  if (version === 5) return redlock;
  return {
    acquire: (names, ttl) => redlock.lock(names, ttl),
  };
}
const release = (lock) => (version === 5 ? lock.release() : lock.unlock());

async function one_excludes_the_other() {
  const [one, other] = [locker(), locker()];
  let lock = await one.acquire(["a"], 10000);
  await assert.rejects(other.acquire(["a"], 10000));
  lock = await lock.extend(20000);
  await assert.rejects(other.acquire(["a"], 10000));
  await release(lock);
  await release(await other.acquire(["a"], 10000));
}

async function several_are_taken_together() {
  const [one, other] = [locker(), locker()];
  const lock = await one.acquire(["a", "b", "c"], 10000);
  await assert.rejects(other.acquire(["c", "d"], 10000));
  await release(await other.acquire(["d"], 10000));
  await release(await lock.extend(20000));
  await release(await other.acquire(["c", "d"], 10000));
}

async function what_is_gone_cannot_be_extended() {
  const one = locker();
  const lock = await one.acquire(["gone"], 10000);
  await redis().del("gone");
  await assert.rejects(lock.extend(10000));
}

async function many_count_one_by_one() {
  let inside = 0;
  let count = 0;
  const worker = async () => {
    const redlock = locker({ retryCount: 5000, retryDelay: 1, retryJitter: 2 });
    for (let i = 0; i < 10; ++i) {
      const lock = await redlock.acquire(["counter"], 30000);
      assert.strictEqual(++inside, 1);
      const seen = count;
      await new Promise((resolve) => setImmediate(resolve));
      count = seen + 1;
      --inside;
      await release(lock);
    }
  };
  await Promise.all(Array.from({ length: 10 }, worker));
  assert.strictEqual(count, 100);
}

async function main() {
  await one_excludes_the_other();
  await several_are_taken_together();
  await what_is_gone_cannot_be_extended();
  await many_count_one_by_one();
  for (const client of clients) client.disconnect();
  console.log("done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
