"""The checker of histories: it must accept what can be explained, and reject what cannot."""

import itertools
import random
import unittest

import harness
from linearizability import FOR_EVER, Claim, LockQueue, Operation, Queue, linearize


def queue_of(**claims):
    """LockQueue of claims by id: a mode, or (mode, permits), each of a session of its own, with no known token."""
    made = {}
    for name, mode in claims.items():
        mode, permits = mode if isinstance(mode, tuple) else (mode, 1)
        made[name] = Claim(name, "session-" + name, mode, permits)
    return LockQueue(made)


def history(*rows):
    """Rows of (kind, what, start, end); without an end: perhaps, from then on."""
    made = []
    for kind, what, start, *end in rows:
        made.append(Operation(kind, start, end[0] if end else FOR_EVER, bool(end), what))
    return made


TWO = {"a": "exclusive", "b": "exclusive"}


class Verdicts(unittest.TestCase):
    def judge(self, claims, *rows, tokens=None, state=Queue()):
        model = queue_of(**claims)
        for name, token in (tokens or {}).items():
            model.claims[name].token = token
        verdict = linearize(model, state, history(*rows))
        self.assertTrue(verdict.is_decided)
        return verdict.is_fine

    def accepts(self, *args, **more):
        self.assertTrue(self.judge(*args, **more))

    def rejects(self, *args, **more):
        self.assertFalse(self.judge(*args, **more))

    def test_one_after_the_other(self):
        self.accepts(TWO, ("take", "a", 0, 1), ("remove", "a", 2, 3), ("take", "b", 4, 5))

    def test_two_holders_at_once(self):
        self.rejects(TWO, ("take", "a", 0, 1), ("take", "b", 2, 3))
        self.rejects(TWO, ("take", "a", 0, 1), ("take", "b", 0, 1))
        self.rejects(TWO, ("take", "a", 0, 1), ("take", "b", 2, 3), ("remove", "a", 4, 5))

    def test_operations_at_once_come_in_either_order(self):
        self.accepts(TWO, ("take", "a", 0, 3), ("remove", "a", 3.5, 6), ("take", "b", 0, 7))
        self.accepts(TWO, ("take", "a", 0, 9), ("take", "b", 0, 9), ("remove", "a", 0, 9), ("remove", "b", 0, 9))

    def test_a_lost_answer_may_have_happened(self):
        self.accepts(TWO, ("take", "a", 0, 1), ("remove", "a", 2), ("take", "b", 3, 4))
        self.accepts(TWO, ("take", "a", 0, 1), ("remove", "a", 2), ("refuse", ("exclusive", 1), 3, 4))
        self.accepts(TWO, ("claim", "a", 0), ("refuse", ("exclusive", 1), 3, 4))
        self.rejects(TWO, ("claim", "a", 5), ("refuse", ("exclusive", 1), 3, 4))

    def test_a_lost_release_cannot_come_before_it_was_asked_for(self):
        self.rejects(TWO, ("take", "a", 0, 1), ("take", "b", 2, 3), ("remove", "a", 4))

    def test_an_end_before_its_time(self):
        self.accepts(TWO, ("take", "a", 0, 1), ("remove", "a", 5), ("take", "b", 4, 6))
        self.rejects(TWO, ("take", "a", 0, 1), ("remove", "a", 5), ("take", "b", 3, 4))

    def test_a_forgotten_grant(self):
        self.accepts(TWO, ("take", "a", 0, 1), ("see", (("a",), 1), 2, 3))
        self.rejects(TWO, ("take", "a", 0, 1), ("see", ((), 0), 2, 3))
        self.rejects(TWO, ("see", ((), 0), 2, 3), state=Queue(("a",)))

    def test_a_forgotten_release(self):
        self.rejects(TWO, ("remove", "a", 0, 1), ("see", (("a",), 1), 2, 3), state=Queue(("a",)))
        self.accepts(TWO, ("remove", "a", 0), ("see", (("a",), 1), 2, 3), state=Queue(("a",)))
        self.rejects(TWO, ("remove", "a", 0, 1), ("see", (("a",), 1), 2, 3), ("remove", "a", 4, 5), state=Queue(("a",)))

    def test_a_grant_from_nowhere(self):
        self.rejects(TWO, ("claim", "a", 0, 1), ("claim", "b", 2, 3), ("granted", "b", 4, 5))
        self.rejects(TWO, ("granted", "a", 0, 5))

    def test_a_refusal_of_what_is_free(self):
        self.rejects(TWO, ("take", "a", 0, 1), ("remove", "a", 2, 3), ("refuse", ("exclusive", 1), 4, 5))

    def test_who_waits_is_not_overtaken(self):
        three = dict(TWO, c="exclusive")
        waiting = (("take", "a", 0, 1), ("claim", "b", 2, 3), ("claim", "c", 4, 5), ("remove", "a", 6, 7))
        self.accepts(three, *waiting, ("granted", "b", 4, 8), ("see", (("b", "c"), 1), 9, 10))
        self.rejects(three, *waiting, ("granted", "c", 4, 8), ("see", (("b", "c"), 1), 9, 10))
        self.rejects(three, *waiting, ("see", (("c", "b"), 1), 9, 10))
        self.rejects(dict(a="shared", b="exclusive"), ("take", "a", 0, 1), ("claim", "b", 2, 3),
                     ("see", (("a", "b"), 2), 4, 5))

    def test_a_writer_that_waits_keeps_readers_behind(self):
        readers = dict(a="shared", b="exclusive", c="shared")
        self.accepts(readers, ("take", "a", 0, 1), ("take", "c", 2, 3), ("see", (("a", "c"), 2), 4, 5))
        self.rejects(readers, ("take", "a", 0, 1), ("claim", "b", 2, 3), ("take", "c", 4, 5))
        self.accepts(readers, ("take", "a", 0, 1), ("claim", "b", 2, 3), ("refuse", ("shared", 1), 4, 5))

    def test_a_semaphore_has_its_permits(self):
        three = {name: ("semaphore", 2) for name in "abc"}
        self.accepts(three, ("take", "a", 0, 1), ("take", "b", 2, 3), ("refuse", ("semaphore", 2), 4, 5))
        self.rejects(three, ("take", "a", 0, 1), ("take", "b", 2, 3), ("take", "c", 4, 5))
        self.rejects(three, ("take", "a", 0, 1), ("refuse", ("semaphore", 2), 4, 5))

    def test_tokens_that_do_not_grow(self):
        rows = (("take", "a", 0, 1), ("remove", "a", 2, 3), ("take", "b", 4, 5))
        self.accepts(TWO, *rows, tokens=dict(a=4, b=5))
        self.rejects(TWO, *rows, tokens=dict(a=5, b=4))
        self.rejects(TWO, *rows, tokens=dict(a=5, b=5))
        self.rejects(TWO, ("take", "a", 0, 1), tokens=dict(a=5), state=Queue((), 5))

    def test_sessions(self):
        self.accepts(TWO, ("take", "a", 0, 1), ("claimed", "session-a", 2, 3), ("leave", "session-a", 4, 5),
                     ("absent", "session-a", 6, 7), ("gone", "a", 6, 7))
        self.rejects(TWO, ("take", "a", 0, 1), ("absent", "session-a", 2, 3))
        self.rejects(TWO, ("take", "a", 0, 1), ("gone", "a", 2, 3))
        self.rejects(TWO, ("take", "a", 0, 1), ("leave", "session-a", 4, 5), ("claimed", "session-a", 6, 7))
        self.rejects(TWO, ("take", "a", 0, 1), ("release", "session-b", 4, 5))
        self.accepts(TWO, ("take", "a", 0, 1), ("release", "session-a", 4, 5), ("first", None, 6, 7))
        self.rejects(TWO, ("take", "a", 0, 1), ("first", "b", 4, 5))
        self.rejects(TWO, ("take", "a", 0, 1), ("stands", "b", 4, 5))

    def test_giving_up_is_no_verdict(self):
        model = queue_of(**{f"c{i}": "shared" for i in range(12)})
        rows = [("claim", f"c{i}", 0, 1) for i in range(12)] + [("see", (("c0",), 1), 2, 3)]
        verdict = linearize(model, Queue(), history(*rows), most_steps=500)
        self.assertFalse(verdict.is_decided or verdict.is_fine)


class Searches(unittest.TestCase):
    """Small random histories against the definition itself: all orders of all choices."""

    def explained(self, model, operations):
        lost = [one for one in operations if not one.certain]
        for happened in itertools.chain.from_iterable(itertools.combinations(lost, n) for n in range(len(lost) + 1)):
            chosen = [one for one in operations if one.certain] + list(happened)
            for order in itertools.permutations(chosen):
                if any(after.end < before.start for before, after in itertools.combinations(order, 2)):
                    continue
                state = Queue()
                for operation in order:
                    state = state and model.step(state, operation)
                if state is not None:
                    return True
        return False

    def test_it_finds_what_trying_all_orders_finds(self):
        seed = harness.commit_number()
        print("seed", seed)
        rng = random.Random(seed)
        verdicts = []
        for _ in range(400):
            model = queue_of(a=rng.choice(["exclusive", "shared"]), b=rng.choice(["exclusive", "shared"]))
            operations = []
            for _ in range(rng.randint(2, 6)):
                name = rng.choice("ab")
                kind, what = rng.choice([("take", name), ("claim", name), ("granted", name), ("remove", name),
                                         ("gone", name), ("leave", "session-" + name), ("refuse", ("exclusive", 1)),
                                         ("see", ((name,), 1))])
                start = rng.randint(0, 12)
                certain = rng.random() < 0.8
                operations.append(Operation(kind, start, start + rng.randint(1, 6) if certain else FOR_EVER, certain,
                                            what))
            verdict = linearize(model, Queue(), operations).is_fine
            self.assertEqual(verdict, self.explained(model, operations), "\n".join(map(str, operations)))
            verdicts.append(verdict)
        self.assertTrue(20 < sum(verdicts) < 380, sum(verdicts))


if __name__ == "__main__":
    harness.main()
