"""Whether a history of concurrent operations can be explained by a sequential one (Wing and Gong's search, with
Lowe's memory of what was tried): each operation happens at one moment between its start and its end.

linearize() knows nothing of what is checked: a model tells what an operation makes of a state. LockQueue is the
model of one lock of weir-locker."""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

FOR_EVER = math.inf


@dataclass
class Operation:
    """`certain` is false of one whose answer was lost, and of what nobody asked for: it may never have happened."""
    kind: str
    start: float
    end: float = FOR_EVER
    certain: bool = True
    what: object = None

    def __str__(self):
        return f"{self.start:.4f}–{self.end:.4f} {self.kind} {self.what}{'' if self.certain else ' (perhaps)'}"


@dataclass
class Verdict:
    is_fine: bool
    is_decided: bool = True  # else the search was given up
    tried: int = 0
    explanation: str = ""


def linearize(model, state, operations, most_steps=300_000):
    """`model.step(state, operation)` is the state after it, or None where it cannot happen; `model.reads` the kinds
    that change nothing. States are hashable."""
    operations = sorted(operations, key=lambda one: (one.start, one.end))
    for operation in operations:
        if not operation.certain:
            operation.end = FOR_EVER
    certain = sum(1 << i for i, one in enumerate(operations) if one.certain)
    seen = set()
    stack = [(0, 0, state)]
    best = (-1, 0, state)
    tried = 0
    while stack:
        first, done, state = stack.pop()
        done = take_reads(model, operations, first, done, state)
        while done >> first & 1:
            first += 1
        if done & certain == certain:
            return Verdict(True, tried=tried)
        if (done, state) in seen:
            continue
        seen.add((done, state))
        tried += 1
        if tried > most_steps:
            return Verdict(False, False, tried, "given up")
        count = (done & certain).bit_count()
        if count > best[0]:
            best = (count, done, state)
        following = []
        for i in candidates(operations, first, done):
            after = None if operations[i].kind in model.reads else model.step(state, operations[i])
            if after is not None:
                following.append((operations[i].end, i, after))
        # What ends first is tried first, and what may never have happened last: the stack turns it round.
        for _, i, after in sorted(following, key=lambda one: one[:2], reverse=True):
            stack.append((first, done | 1 << i, after))
    return Verdict(False, tried=tried, explanation=explain(operations, best))


def candidates(operations, first, done):
    """The operations that may come next: those that began before any other has ended."""
    bound = FOR_EVER
    for i in range(first, len(operations)):
        if operations[i].start > bound:
            return
        if not done >> i & 1:
            bound = min(bound, operations[i].end)
            yield i


def take_reads(model, operations, first, done, state):
    """A read that can happen now may as well: it changes nothing for those that follow."""
    while True:
        before = done
        for i in candidates(operations, first, done):
            if operations[i].kind in model.reads and model.step(state, operations[i]) is not None:
                done |= 1 << i
        if done == before:
            return done


def explain(operations, best):
    count, done, state = best
    left = [one for i, one in enumerate(operations) if not done >> i & 1]
    stuck = [str(operations[i]) for i in candidates(operations, 0, done)]
    return (f"after {count} operations, in state {state}, nothing can come next ({len(left)} are left):\n  " +
            "\n  ".join(stuck[:30]))


@dataclass
class Claim:
    """One in a lock's queue. The token is None while nobody has been told it."""
    id: str
    session: str
    mode: str = "exclusive"
    permits: int = 1
    token: int = None

    def __str__(self):
        return f"{self.id} of {self.session} ({self.mode}, token {self.token})"


class Queue(NamedTuple):
    claims: tuple = ()  # their ids, first come first
    last: int = 0       # the greatest token so far that is known


@dataclass
class LockQueue:
    """Kinds of operations, and what each is about:
        claim    a claim's id       stands at the end of the queue
        take     a claim's id       the same, and is granted at once
        granted  a claim's id       it is granted
        refuse   (mode, permits)    such a claim would not be granted at once
        remove   a claim's id       it stands in the queue, and then no more
        release  a session          its claim stands in the queue, and then no more
        leave    a session          none of its claims stands in the queue any more
        absent   a session          none of its claims does
        gone     a claim's id       it does not stand in the queue
        claimed  a session          one of its claims stands in the queue
        stands   a claim's id       it stands in the queue
        first    a claim's id       it is the first in the queue; None: nobody is
        see      (ids, granted)     exactly these claims in this order, so many of them granted
    """
    claims: dict = field(default_factory=dict)  # by id
    reads = frozenset({"granted", "refuse", "absent", "gone", "claimed", "stands", "first", "see"})

    def step(self, state, operation):
        return getattr(self, "_" + operation.kind)(state, operation.what)

    def granted(self, state):
        """How many of the queue hold the lock: the first, and who can hold it with all before."""
        count = 0
        while count < len(state.claims) and self.admits(state, count, self.claims[state.claims[count]]):
            count += 1
        return count

    def admits(self, state, granted, claim):
        if granted == 0:
            return True
        first = self.claims[state.claims[0]]
        if first.mode != claim.mode or claim.mode == "exclusive":
            return False
        return claim.mode == "shared" or granted < min(first.permits, claim.permits)

    def is_free(self, state, claim):
        granted = self.granted(state)
        return granted == len(state.claims) and self.admits(state, granted, claim)

    def _claim(self, state, name):
        claim = self.claims[name]
        if name in state.claims or self._claimed(state, claim.session) or (claim.token or state.last + 1) <= state.last:
            return None
        return Queue((*state.claims, name), claim.token or state.last)

    def _take(self, state, name):
        return self._claim(state, name) if self.is_free(state, self.claims[name]) else None

    def _granted(self, state, name):
        return state if name in state.claims[:self.granted(state)] else None

    def _refuse(self, state, what):
        return None if self.is_free(state, Claim("", "", *what)) else state

    def _remove(self, state, name):
        if name not in state.claims:
            return None
        return state._replace(claims=tuple(one for one in state.claims if one != name))

    def _release(self, state, session):
        return self._leave(state, session) if self._claimed(state, session) else None

    def _leave(self, state, session):
        return state._replace(claims=tuple(one for one in state.claims if self.claims[one].session != session))

    def _absent(self, state, session):
        return None if self._claimed(state, session) else state

    def _gone(self, state, name):
        return None if name in state.claims else state

    def _claimed(self, state, session):
        return state if any(self.claims[one].session == session for one in state.claims) else None

    def _stands(self, state, name):
        return state if name in state.claims else None

    def _first(self, state, name):
        return state if (state.claims or (None,))[0] == name else None

    def _see(self, state, what):
        ids, granted = what
        return state if state.claims == ids and self.granted(state) == granted else None
