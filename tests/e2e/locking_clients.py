"""Clients of weir-locker that behave well and badly, by chance, and record in a History what they did; those of Redis
are in locking_redis.py."""

import asyncio

from locking_storm import HttpLine, Lost, NotSent
from locking_history import Lease, now

EXCLUSIVE = ["mine/1", "mine/2", "mine/3"]
SHARED = ["both/1", "both/2"]
SEMAPHORES = {"some/2": 2, "some/3": 3}
REDIS = ["redis/1", "redis/2"]
NAMES = [*EXCLUSIVE, *SHARED, *SEMAPHORES, *REDIS]

REASONS = [0, 10, 100, 3000]  # their bytes: so that it comes to snapshots

HELD_BY_OTHERS = "held by others"
WAITED = "held by others, for as long as was waited"
NO_SESSION = "there is no such session"


class Client:
    """`gate` is open while the server is up and was looked at: no request of one life reaches another."""

    def __init__(self, gate, server, history, resource, rng):
        self.gate, self.server, self.history, self.resource, self.rng = gate, server, history, resource, rng

    async def run(self):
        while True:
            await self.gate.wait()
            try:
                await self.act()
            except (Lost, NotSent):
                pass
            await self.pause(0.004)

    async def pause(self, mean):
        await asyncio.sleep(self.rng.expovariate(1 / mean))

    async def opened(self, line):
        """A connection to the server's present life."""
        await self.gate.wait()
        life = self.history.lives[-1]
        await line.open()
        if not self.gate.is_set() or self.history.lives[-1] is not life:
            line.close(abort=True)
            raise NotSent


class HttpClient(Client):
    def __init__(self, *args):
        super().__init__(*args)
        self.line = HttpLine(self.server)
        self.lease = None
        self.is_confused = False  # it does not know what it has; a new session does

    async def ask(self, method, target, body=None, line=None):
        line = line or self.line
        await self.opened(line)
        line.send(method, target, body)
        return await line.answer()

    async def act(self):
        if self.lease is None or self.lease.is_gone or self.lease.ended is not None:
            self.lease = None
            await self.begin()
        if self.is_confused:
            self.is_confused = False
            return await self.end()
        deeds = {self.hold: 10, self.hold_several: 3, self.hold_by_itself: 3, self.break_off: 3, self.stop_waiting: 1,
                 self.ask_twice: 1, self.fall_silent: 1, self.end: 1}
        await self.rng.choices(list(deeds), list(deeds.values()))[0]()

    # What can be asked.

    async def begin(self):
        ttl = self.rng.choice([300, 400, 600, 1000])
        sent = now()
        status, answer = await self.ask("POST", "/v1/sessions", {"ttl": f"{ttl}ms"})
        if status == 201:
            self.lease = Lease(answer["session"], ttl / 1000, sent)
            self.lease.is_sure = True
            self.history.leases[self.lease.name] = self.lease
        elif status != 404:  # over before anyone could be told: the server or its disk stood still
            self.unexpected(status, answer)
        else:
            raise Lost

    async def keep_alive(self, lease=None):
        lease = lease or self.lease
        sent = now()
        status, answer = await self.ask("PUT", f"/v1/sessions/{lease.id}")
        if status == 200:
            lease.refreshed = max(lease.refreshed, sent)
        elif status == 404:
            self.history.lease_gone(lease, sent)
        else:
            self.unexpected(status, answer)

    async def end(self):
        lease = self.lease
        sent = lease.ended = now()
        try:
            status, answer = await self.ask("DELETE", f"/v1/sessions/{lease.id}")
        except Lost:
            status, answer = 503, None
        except NotSent:
            lease.ended = None
            raise
        for name in lease.locks:
            if status == 200:
                self.history.certain(name, "leave", lease.name, sent)
            elif status == 503:
                self.history.perhaps(name, "leave", lease.name, sent)
        if status == 404:
            lease.ended = None
            self.history.lease_gone(lease, sent)
        elif status == 200:
            lease.is_gone = True
        elif status != 503:
            self.unexpected(status, answer)

    async def take(self, names, mode="exclusive", permits=1, wait=None, own_ttl=None, line=None):
        """The claims, one for each name, when they were granted, else None."""
        id = self.history.fresh_id()
        body = {"text": id, "mode": mode, "reason": "." * self.rng.choice(REASONS)}
        if permits > 1:
            body["permits"] = permits
        if wait is not None:
            body["wait"] = f"{wait}ms"
        lease = self.lease
        if own_ttl:
            body["ttl"] = f"{own_ttl}ms"
        else:
            body["session"] = lease.id
        target = "/v1/locks"
        if len(names) == 1:
            target += "/" + names[0]
        else:
            body["names"] = names
        await self.opened(line or self.line)
        sent = now()
        if own_ttl:
            lease = Lease("own-" + id, own_ttl / 1000, sent)
        claims = [self.history.claim(name, id, lease, mode, permits, sent) for name in names]
        try:
            status, answer = await self.ask("POST", target, body, line)
        except NotSent:
            self.give_up(claims)
            raise
        except (Lost, asyncio.CancelledError):
            self.lost(claims)
            raise
        if status == 200:
            return self.taken(claims, answer, wait is not None)
        self.not_taken(claims, status, answer, wait is not None)
        return None

    def taken(self, claims, answer, has_waited):
        claims[0].lease.id = answer["session"]
        for claim in claims:
            self.history.granted(claim, answer["token"])
            if has_waited:
                self.history.certain(claim.name, "claim", claim.id, claim.sent)
                self.history.certain(claim.name, "granted", claim.id, claim.sent)
            else:
                self.history.certain(claim.name, "take", claim.id, claim.sent)
        return claims

    def not_taken(self, claims, status, answer, has_waited):
        first, detail = claims[0], answer.get("detail", "")
        if status == 503:
            self.lost(claims)
        elif status == 409 and detail == HELD_BY_OTHERS and not has_waited:
            if len(claims) == 1:
                self.history.certain(first.name, "refuse", (first.mode, first.permits), first.sent)
            self.give_up(claims)
        elif status == 409 and detail == WAITED and has_waited:
            for claim in claims:
                # Who gives back what it waits for may be told this, too: so it has left, but perhaps not by this.
                self.history.certain(claim.name, "claim", claim.id, claim.sent)
                self.history.perhaps(claim.name, "remove", claim.id, claim.sent)
                self.history.certain(claim.name, "gone", claim.id, claim.sent)
                claim.was_removed = True
        elif status == 409 and detail.endswith("is claimed by this session already"):
            if len(claims) == 1:
                self.history.certain(first.name, "claimed", first.session, first.sent)
            self.give_up(claims)
            self.is_confused = True
        elif status == 404:
            for claim in claims:
                self.history.perhaps(claim.name, "claim", claim.id, claim.sent)
                self.history.perhaps(claim.name, "remove", claim.id, claim.sent)
                self.history.certain(claim.name, "gone", claim.id, claim.sent)
            if detail == NO_SESSION:
                self.history.lease_gone(first.lease, first.sent)
        else:
            self.unexpected(status, answer)

    def lost(self, claims):
        for claim in claims:
            self.history.perhaps(claim.name, "claim", claim.id, claim.sent)
            self.history.perhaps(claim.name, "remove", claim.id, claim.sent)

    def give_up(self, claims):
        for claim in claims:
            self.history.pending.pop((claim.name, claim.id), None)

    async def give_back(self, claim):
        """Until there is an answer, across restarts."""
        while True:
            try:
                return await self.release(claim.name, claim.lease, claim)
            except (Lost, NotSent):
                if self.rng.random() < 0.1:
                    raise

    async def release(self, name, lease, claim=None):
        """What the session has of this lock; which is `claim`, if one is known to be granted."""
        await self.opened(self.line)
        sent = now()
        is_sure = claim is not None and claim.left is None
        for one in self.history.pending.values():
            if one.name == name and one.lease is lease:
                one.left = one.left or sent
        try:
            status, answer = await self.ask("DELETE", f"/v1/locks/{name}?session={lease.id}")
        except Lost:
            self.history.perhaps(name, "release", lease.name, sent)
            raise
        if status == 200:
            self.history.certain(name, "release", lease.name, sent)
            if is_sure:
                claim.was_removed = True
        elif status == 404:
            self.history.certain(name, "absent", lease.name, sent)
            if is_sure and lease.ended is None and now() < lease.valid_until:
                self.history.wrong(f"{name}: {claim} was lost {lease.valid_until - now():.3f} s before its time")
        else:
            self.history.perhaps(name, "release", lease.name, sent)
            self.unexpected(status, answer)

    def unexpected(self, status, answer):
        if status != 503:
            self.history.wrong(f"unexpected: {status} {answer}")
        raise Lost

    # What clients do with it.

    def any_lock(self):
        name = self.rng.choice(NAMES)
        if name in SEMAPHORES:
            return name, "semaphore", SEMAPHORES[name]
        return name, self.rng.choice(["shared", "shared", "exclusive"]) if name in SHARED else "exclusive", 1

    def patience(self):
        return self.rng.choice([None, None, None, 10, 50, 300])

    async def work(self, claims):
        for _ in range(self.rng.randint(1, 4)):
            for claim in claims:
                self.resource.use(claim)
            await self.pause(0.004)
            lease = claims[0].lease
            if now() - lease.refreshed > lease.ttl / 3:
                try:
                    await self.keep_alive(lease)
                except (Lost, NotSent):
                    pass  # it is still ours, for a while

    async def hold(self):
        name, mode, permits = self.any_lock()
        claims = await self.take([name], mode, permits, self.patience())
        if claims:
            await self.work(claims)
            await self.give_back(claims[0])

    async def hold_several(self):
        claims = await self.take(self.rng.sample(EXCLUSIVE, self.rng.randint(2, 3)), wait=self.patience())
        if claims:
            await self.work(claims)
            for claim in claims:
                await self.give_back(claim)

    async def hold_by_itself(self):
        name, mode, permits = self.any_lock()
        claims = await self.take([name], mode, permits, self.patience(), own_ttl=self.rng.choice([200, 400, 700]))
        if claims:
            await self.work(claims)
            if self.rng.random() < 0.7:
                await self.give_back(claims[0])

    async def break_off(self):
        """A request of which only a part comes, or whose answer nobody reads."""
        line = HttpLine(self.server)
        await self.opened(line)
        name, mode, permits = self.any_lock()
        body = {"session": self.lease.id, "text": "part", "mode": mode, **({"permits": permits} if permits > 1 else {})}
        if self.rng.random() < 0.5:
            line.send("POST", f"/v1/locks/{name}", body, only=self.rng.randint(1, 90))
            await self.pause(0.002)
        else:
            claim = self.history.claim(name, self.history.fresh_id(), self.lease, mode, permits)
            line.send("POST", f"/v1/locks/{name}", {**body, "text": claim.id, "wait": "1s"})
            self.lost([claim])
            await self.pause(0.02)
        line.close(abort=self.rng.random() < 0.5)

    async def stop_waiting(self):
        """Leaves in the middle of a wait."""
        line = HttpLine(self.server)
        name, mode, permits = self.any_lock()
        waiting = asyncio.create_task(self.take([name], mode, permits, 1000, line=line))
        await asyncio.wait([waiting], timeout=self.rng.uniform(0, 0.1))
        waiting.cancel()
        claims = await self.outcome(waiting)
        line.close(abort=True)
        if claims:
            await self.give_back(claims[0])

    async def ask_twice(self):
        """One session by two connections: gives back what the other waits for, and claims it anew at once."""
        name, mode, permits = self.any_lock()
        patience = [self.rng.choice([10, 30, 200]) for _ in range(2)]
        lines = [HttpLine(self.server), HttpLine(self.server)]
        first = asyncio.create_task(self.take([name], mode, permits, patience[0], line=lines[0]))
        await asyncio.wait([first], timeout=self.rng.uniform(0, 0.03))
        try:
            await self.release(name, self.lease)
            claims = await self.take([name], mode, permits, patience[1], line=lines[1])
            if claims:
                await self.work(claims)
                await self.give_back(claims[0])
        finally:
            claims = await self.outcome(first)
            for line in lines:
                line.close()
        if claims:
            await self.give_back(claims[0])

    @staticmethod
    async def outcome(task):
        """What it returns; None when it has come to nothing."""
        try:
            return await task
        except (Lost, NotSent):
            return None
        except asyncio.CancelledError:
            if not task.cancelled():
                raise
            return None

    async def fall_silent(self):
        """Until long after its time; then goes on as if it had not been away."""
        name, mode, permits = self.any_lock()
        claims = await self.take([name], mode, permits, self.patience())
        await asyncio.sleep(self.lease.ttl * self.rng.uniform(0.8, 2))
        if claims:
            self.resource.use(claims[0])
            await self.give_back(claims[0])
        await self.keep_alive()


class Observer(HttpClient):
    async def act(self):
        sent = now()
        if self.rng.random() < 0.7:
            shown = [await self.see(f"/v1/locks/{self.rng.choice(NAMES)}")]
        else:
            locks = {one["name"]: one for one in (await self.see("/v1/locks"))["locks"]}
            shown = [locks.get(name, {"name": name, "holders": [], "waiters": []}) for name in NAMES]
        for one in shown:
            self.history.see(one, sent)
        await self.pause(0.02)

    async def see(self, target):
        await self.opened(self.line)
        status, answer = await self.ask("GET", target)
        if status != 200:
            self.unexpected(status, answer)
        return answer
