"""The checks of a lock server's history, beside the search for an order: each must find its fault."""

import unittest

import harness
from locking_history import History, Lease, Resource, now


def shown(*claims, name="a"):
    return {"name": name, "waiters": [],
            "holders": [{"text": claim.id, "token": claim.token, "session": claim.session} for claim in claims]}


class Histories(unittest.TestCase):
    def setUp(self):
        self.history = History(["a"])
        self.history.restarted(now(), [], [], now())

    def claim(self, token=None, ttl=60, session="1", **more):
        lease = self.history.leases.setdefault(session, Lease(session, ttl, now()))
        lease.is_sure = True
        claim = self.history.claim("a", self.history.fresh_id(), lease, **more)
        if token is not None:
            self.history.granted(claim, token)
            self.history.certain("a", "take", claim.id, claim.sent)
        return claim

    def crash(self, *claims, sessions=None, left_ms=60_000):
        self.history.died()
        sessions = self.history.leases if sessions is None else sessions
        self.history.restarted(now(), [shown(*claims)] if claims else [],
                               [{"session": name, "left_ms": left_ms} for name in sessions], now())

    def found(self):
        self.history.check()
        return "\n".join(self.history.violations)

    def test_what_is_right_passes(self):
        claim = self.claim(1)
        self.crash(claim)
        self.assertEqual(self.found(), "")

    def test_a_grant_that_is_forgotten(self):
        self.claim(1)
        self.crash()
        self.assertIn("an acknowledged grant is forgotten", self.found())
        self.assertIn("no order explains it", self.found())

    def test_a_release_that_is_forgotten(self):
        claim = self.claim(1)
        self.history.certain("a", "release", "1", now())
        claim.left, claim.was_removed = now(), True
        self.crash(claim)
        self.assertIn("an acknowledged release is forgotten", self.found())

    def test_a_session_that_is_forgotten_or_cut_short(self):
        self.claim(1)
        self.crash(sessions=[])
        self.assertIn("1 is forgotten", self.found())
        self.setUp()
        self.crash(self.claim(1), left_ms=30_000)
        self.assertIn("has not got its full time again", self.found())

    def test_a_session_that_ends_early(self):
        self.history.lease_gone(self.claim(1).lease, now())
        self.assertIn("before its time", self.found())

    def test_a_token_that_changes_or_comes_again_or_is_too_small(self):
        claim = self.claim(5)
        self.history.learn_token(claim, 6)
        self.assertIn("has another token now", self.found())
        for second in (5, 4):
            self.setUp()
            self.claim(5).left = now()
            self.claim(second, session="2")
            self.assertIn("came after a grant with token 5", self.found())

    def test_two_that_hold_it_at_once(self):
        self.claim(1)
        self.claim(2, session="2")
        self.assertIn("held it at once", self.found())
        self.setUp()
        for token in (1, 2, 3):
            self.claim(token, session=str(token), mode="semaphore", permits=2)
        self.assertIn("held its 2 permits", self.found())

    def test_a_claim_that_nobody_has_made(self):
        claim = self.claim(1)
        claim.id = "other"
        self.history.see(shown(claim), now())
        self.assertIn("a claim that nobody has made", self.found())

    def test_a_resource_refuses_who_comes_too_late_and_complains_of_a_holder_it_must_refuse(self):
        resource = Resource(self.history)
        early, late = self.claim(1), self.claim(2, session="2")
        early.left = now()
        for claim in (early, late, early):
            resource.use(claim)
        self.assertEqual((resource.accepted, resource.rejected, self.history.violations), (2, 1, []))
        early.left = None
        resource.use(early)
        self.assertIn("holds it, but its token is below 2", self.history.violations[0])


if __name__ == "__main__":
    harness.main()
