"""Clients of weir-locker's Redis door, with the scripts that everyone writes by hand."""

import asyncio

from locking_clients import REDIS, Client
from locking_history import Lease, now
from locking_storm import Lost, RedisError, RedisLine

RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"
EXTEND = ("if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) "
          "else return 0 end")


class RedisClient(Client):
    def __init__(self, *args):
        super().__init__(*args)
        self.line = RedisLine(self.server)

    async def ask(self, *words):
        await self.opened(self.line)
        self.line.send(*words)
        try:
            return await self.line.answer()
        except RedisError as error:
            self.history.wrong(f"{words}: {error}")
            raise Lost from None

    async def act(self):
        name = self.rng.choice(REDIS)
        if self.rng.random() < 0.2:
            return await self.look(name)
        claim = await self.take(name)
        if claim is None:
            return
        for _ in range(self.rng.randint(0, 3)):
            await self.pause(0.02)
            if now() - claim.lease.refreshed > claim.lease.ttl / 3 and not await self.extend(claim):
                return
        if self.rng.random() < 0.15:
            await asyncio.sleep(claim.lease.ttl * self.rng.uniform(0.5, 1.5))
        await self.give_back(claim)

    async def take(self, name):
        id = self.history.fresh_id()
        ttl = self.rng.choice([150, 300, 500])
        await self.opened(self.line)
        sent = now()
        claim = self.history.claim(name, id, Lease("own-" + id, ttl / 1000, sent), sent=sent)
        try:
            reply = await self.ask("SET", name, id, "NX", "PX", ttl)
        except Lost:
            self.history.perhaps(name, "take", id, sent)
            raise
        if reply == "OK":
            claim.granted = now()
            claim.lease.is_sure = True
            self.history.grants += 1
            self.history.certain(name, "take", id, sent)
            return claim
        self.history.certain(name, "refuse", ("exclusive", 1), sent)
        self.history.pending.pop((name, id), None)
        return None

    async def extend(self, claim):
        await self.opened(self.line)
        sent = now()
        reply = await self.ask("EVAL", EXTEND, 1, claim.name, claim.id, round(claim.lease.ttl * 1000))
        if reply == b"1":
            claim.lease.refreshed = max(claim.lease.refreshed, sent)
            self.history.certain(claim.name, "stands", claim.id, sent)
            return True
        self.gone(claim, sent)
        return False

    async def give_back(self, claim):
        await self.opened(self.line)
        sent = claim.left = now()
        try:
            reply = await self.ask("EVAL", RELEASE, 1, claim.name, claim.id)
        except Lost:
            self.history.perhaps(claim.name, "remove", claim.id, sent)
            raise
        if reply == b"1":
            claim.was_removed = True
            self.history.certain(claim.name, "remove", claim.id, sent)
        else:
            self.gone(claim, sent)

    def gone(self, claim, sent):
        if now() < claim.lease.valid_until:
            left = claim.lease.valid_until - now()
            self.history.wrong(f"{claim.name}: {claim} was lost {left:.3f} s before its time")
        self.history.certain(claim.name, "gone", claim.id, sent)

    async def look(self, name):
        await self.opened(self.line)
        sent = now()
        self.history.certain(name, "first", await self.ask("GET", name), sent)
