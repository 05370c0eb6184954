"""What many clients of weir-locker did and were told, and whether it can be true."""

import time
from collections import defaultdict

from linearizability import Claim, LockQueue, Operation, Queue, linearize

now = time.monotonic


class Lease:
    """A session, or the time that a claim has of its own, as its client knows it: `refreshed` is when the last sign of
    life was sent of those that were answered, and so the earliest it may have arrived."""

    def __init__(self, name, ttl, refreshed):
        self.name, self.ttl, self.refreshed = name, ttl, refreshed
        self.id = name      # as the server calls it
        self.ended = None   # when its end was asked for
        self.is_gone = False
        self.is_sure = False  # it has been there
        self.locks = set()

    @property
    def valid_until(self):
        return self.refreshed + self.ttl

    def is_valid(self):
        return not self.is_gone and self.ended is None and now() < self.valid_until


class Taken(Claim):
    """A claim with what only its client knows. One for each name."""

    def __init__(self, name, id, lease, mode, permits, sent):
        super().__init__(id, lease.name, mode, permits)
        self.name, self.lease, self.sent = name, lease, sent
        self.granted = None  # when the client was told so
        self.left = None     # when it began to give it back
        self.was_removed = False  # for sure

    def is_held(self):
        return self.granted is not None and self.left is None and self.lease.is_valid()


class Resource:
    """What a lock protects: it takes part only with a token that is not below the greatest it has seen."""

    def __init__(self, history):
        self.history = history
        self.greatest = {}  # by name: of all, of those that write
        self.writers = {}   # by name and token: a claim's id
        self.accepted = self.rejected = 0

    def use(self, claim):
        everyone, writer = self.greatest.get(claim.name, (0, 0))
        is_writer = claim.mode == "exclusive"
        if claim.token < (everyone if is_writer else writer):
            self.rejected += 1
            if claim.is_held():
                self.history.wrong(f"{claim.name}: {claim} holds it, but its token is below {everyone}, {writer}")
            return
        self.accepted += 1
        self.greatest[claim.name] = (max(everyone, claim.token), max(writer, claim.token) if is_writer else writer)
        if is_writer and self.writers.setdefault((claim.name, claim.token), claim.id) != claim.id:
            self.history.wrong(f"{claim.name}: two writers with token {claim.token}")


class Life:
    """One of the server's, from one start to the next."""

    def __init__(self, spawned):
        self.spawned = spawned
        self.died = None
        self.first_seen = {}  # by name: the ids that stood in the queue when it had started
        self.operations = defaultdict(list)  # by name
        self.may_leave = {}  # by name and id: how, since when


class History:
    def __init__(self, names):
        self.names = names
        self.lives = []
        self.models = {name: LockQueue() for name in names}
        self.leases = {}
        self.pending = {}  # (name, id): claims that may stand in a queue
        self.violations = []
        self.last_id = 0
        self.undecided = self.hardest = self.operations = 0
        self.grants = 0

    def wrong(self, text):
        self.violations.append(text)

    def fresh_id(self):
        self.last_id += 1
        return f"c{self.last_id}"

    # What clients record.

    def claim(self, name, id, lease, mode="exclusive", permits=1, sent=None):
        claim = Taken(name, id, lease, mode, permits, sent or now())
        self.models[name].claims[id] = self.pending[name, id] = claim
        lease.locks.add(name)
        return claim

    def certain(self, name, kind, what, start, end=None):
        self.lives[-1].operations[name].append(Operation(kind, start, end or now(), True, what))

    def perhaps(self, name, kind, what, start):
        life = self.lives[-1]
        operation = Operation(kind, start, certain=False, what=what)
        if kind == "remove":  # once is enough
            known = life.may_leave.setdefault((name, what), operation)
            known.start = min(known.start, start)
            if known is not operation:
                return
        life.operations[name].append(operation)

    def granted(self, claim, token):
        claim.granted = now()
        claim.lease.is_sure = True
        self.learn_token(claim, token)
        self.grants += 1

    def lease_gone(self, lease, sent):
        """The server says that there is none (any more)."""
        if lease.ended is None and lease.is_sure and now() < lease.valid_until and not lease.is_gone:
            self.wrong(f"{lease.name} is gone {lease.valid_until - now():.3f} s before its time of {lease.ttl} s")
        lease.is_gone = True
        for name in lease.locks:
            self.certain(name, "absent", lease.name, sent)

    def learn_token(self, claim, token):
        if claim.token is None:
            claim.token = token
        elif claim.token != token:
            self.wrong(f"{claim.name}: {claim} has another token now: {token}")

    def see(self, shown, start):
        """What GET /v1/locks/NAME has shown."""
        name = shown["name"]
        ids = []
        for one in shown["holders"] + shown["waiters"]:
            claim = self.models[name].claims.get(one.get("text"))
            if claim is None:
                self.wrong(f"{name}: a claim that nobody has made: {one}")
                continue
            if not claim.session.startswith("own-") and claim.session != one["session"]:
                self.wrong(f"{name}: {claim} is another session's now: {one['session']}")
            self.learn_token(claim, one["token"])
            ids.append(claim.id)
        tokens = [one["token"] for one in shown["holders"] + shown["waiters"]]
        if tokens != sorted(set(tokens)):
            self.wrong(f"{name}: the queue is not in the order of its tokens: {tokens}")
        self.certain(name, "see", (tuple(ids), len(shown["holders"])), start)
        return tuple(ids)

    # The server's lives.

    def restarted(self, spawned, locks, sessions, start):
        """The first that was seen of a new life: GET /v1/locks and /v1/sessions, asked for at `start`."""
        last = self.lives[-1] if self.lives else None
        seen = {one["name"]: one for one in locks}
        if last:
            self.check_remembered(last, seen, {one["session"]: one for one in sessions}, spawned)
        life = Life(spawned)
        for name in self.names:
            shown = seen.pop(name, {"name": name, "holders": [], "waiters": []})
            if last:
                life.first_seen[name] = self.see(shown, start)  # ends what came before
        if seen:
            self.wrong(f"locks that nobody has claimed: {sorted(seen)}")
        self.lives.append(life)
        self.pending = {(name, id): self.models[name].claims[id] for name, ids in life.first_seen.items() for id in ids}
        for claim in self.pending.values():
            claim.lease.refreshed = max(claim.lease.refreshed, spawned)

    def check_remembered(self, last, seen, sessions, spawned):
        for lease in self.leases.values():
            if lease.is_gone:
                if lease.name in sessions:
                    self.wrong(f"{lease.name} was gone, and is there again")
                continue
            shown = sessions.get(lease.name)
            if shown is None:
                if lease.ended is None and lease.valid_until > last.died:
                    self.wrong(f"{lease.name} is forgotten: valid for {lease.valid_until - last.died:.3f} s more")
                lease.is_gone = True
                continue
            left = shown["left_ms"] / 1000
            if left < lease.ttl - (now() - spawned) - 0.002:
                self.wrong(f"{lease.name} has not got its full time again: {shown}, {now() - spawned:.3f} s after "
                           "the start")
            lease.refreshed = max(lease.refreshed, spawned)
        for claim in self.pending.values():
            shown = seen.get(claim.name, {"holders": [], "waiters": []})
            is_there = claim.id in [one.get("text") for one in shown["holders"]]
            held = (claim.granted is not None and claim.left is None and claim.lease.ended is None
                    and claim.lease.valid_until > last.died)
            if held and not is_there:
                self.wrong(f"{claim.name}: an acknowledged grant is forgotten: {claim}, now {shown}")
            if claim.was_removed and claim.id in [one.get("text") for one in shown["holders"] + shown["waiters"]]:
                self.wrong(f"{claim.name}: an acknowledged release is forgotten: {claim}")

    def died(self):
        """The server is dead: what was not answered has happened by now, or never."""
        life = self.lives[-1]
        life.died = now()
        for claim in self.pending.values():
            ends = max(claim.lease.refreshed, life.spawned) + claim.lease.ttl
            if not claim.was_removed and ends <= life.died:
                self.perhaps(claim.name, "remove", claim.id, ends)

    # Afterwards.

    def check(self):
        for name in self.names:
            self.check_tokens(name)
            self.check_holders(name)
        for number, life in enumerate(self.lives[:-1]):
            for name in self.names:
                self.check_life(number, life, name)

    def check_life(self, number, life, name):
        operations = life.operations[name]
        model = self.models[name]
        before = [claim.token for claim in model.claims.values()
                  if claim.token and self.is_known_before(claim, life, name)]
        state = Queue(life.first_seen.get(name, ()), max(before, default=0))
        verdict = linearize(model, state, operations)
        self.hardest = max(self.hardest, verdict.tried)
        self.operations += len(operations)
        if not verdict.is_decided:
            self.undecided += 1
        elif not verdict.is_fine:
            claims = "\n  ".join(str(model.claims[id]) for id in sorted(
                {one.what for one in operations if one.what in model.claims} | set(state.claims)))
            trace = "\n  ".join(map(str, sorted(operations, key=lambda one: one.start)))
            self.wrong(f"{name}, life {number} ({life.spawned:.4f} to {life.died:.4f}): no order explains it: "
                       f"{verdict.explanation}\nthe claims:\n  {claims}\nall:\n  {trace}")

    @staticmethod
    def is_known_before(claim, life, name):
        return claim.id in life.first_seen.get(name, ()) or claim.granted is not None and claim.granted < life.spawned

    def check_tokens(self, name):
        """Whoever has asked after another was granted the lock has the greater token."""
        greatest = 0
        known = [one for one in self.models[name].claims.values() if one.token is not None]
        granted = sorted((one for one in known if one.granted is not None), key=lambda one: one.granted)
        asked = sorted(known, key=lambda one: one.sent)
        at = 0
        for claim in asked:
            while at < len(granted) and granted[at].granted < claim.sent:
                greatest = max(greatest, granted[at].token)
                at += 1
            if claim.token <= greatest:
                self.wrong(f"{name}: {claim} came after a grant with token {greatest}")
        tokens = [one.token for one in asked]
        if len(tokens) != len(set(tokens)):
            self.wrong(f"{name}: a token was given twice")

    def check_holders(self, name):
        """By the clock: from when they were told so until they gave it back, or their time was over."""
        held = []
        for claim in self.models[name].claims.values():
            if claim.granted is not None:
                ends = [one for one in (claim.left, claim.lease.ended, claim.lease.valid_until) if one is not None]
                held.append((claim.granted, min(ends), claim))
        active = []
        for start, end, claim in sorted(held, key=lambda one: one[0]):
            active = [one for one in active if one[0] > start]
            for _, other in active:
                if end <= start:
                    break
                if claim.mode != other.mode or claim.mode == "exclusive":
                    self.wrong(f"{name}: {claim} and {other} held it at once, at {start:.4f}")
            if claim.mode == "semaphore" and end > start and len(active) >= claim.permits:
                self.wrong(f"{name}: {len(active) + 1} held its {claim.permits} permits at {start:.4f}")
            active.append((end, claim))
