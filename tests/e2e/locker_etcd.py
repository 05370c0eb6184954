"""weir-locker's etcd door with etcdctl as it is: keys, transactions, watches, leases, locks, elections; and the same
answers as etcd's own to the same calls."""

import os
import signal

import etcd_clients
import harness
import locking
from etcd_clients import Etcdctl
from harness import until


class Case(locking.Case):
    def etcdctl(self, locker=None, **more):
        return Etcdctl(self, (locker or self.locker(**more)).etcd_port)


class Keys(Case):
    def test_keys_are_put_found_and_erased(self):
        etcdctl = self.etcdctl()
        self.assertEqual(etcdctl("put", "a", "1"), ["OK"])
        self.assertEqual(etcdctl("put", "a", "2", "--prev-kv"), ["OK", "a", "1"])
        etcdctl("put", "ab", "3")
        etcdctl("put", "b", "4")
        self.assertEqual(etcdctl("get", "a"), ["a", "2"])
        self.assertEqual(etcdctl("get", "none"), [])
        self.assertEqual(etcdctl("get", "a", "--prefix"), ["a", "2", "ab", "3"])
        self.assertEqual(etcdctl("get", "a", "b"), ["a", "2", "ab", "3"])
        self.assertEqual(etcdctl("get", "ab", "--from-key", "--keys-only"), ["ab", "", "b", ""])
        self.assertEqual(etcdctl("get", "", "--prefix", "--limit", 1, "--order", "DESCEND"), ["b", "4"])
        self.assertEqual(etcdctl("get", "", "--prefix", "--sort-by", "MODIFY", "--limit", 1), ["a", "2"])
        found = etcdctl.json("get", "a")
        self.assertEqual((found["header"]["revision"], found["kvs"][0]["create_revision"], found["kvs"][0]["version"]), (5, 2, 2))
        self.assertEqual(etcdctl("del", "a", "--prefix", "--prev-kv"), ["2", "a", "2", "ab", "3"])
        self.assertEqual(etcdctl("del", "a"), ["0"])

    def test_a_value_is_any_bytes(self):
        etcdctl = self.etcdctl()
        etcdctl("put", "k", text="line\nline \u00fc")
        self.assertEqual(etcdctl("get", "k", "--print-value-only"), ["line", "line \u00fc"])

    def test_what_is_refused_is_refused_in_etcds_words(self):
        etcdctl = self.etcdctl()
        etcdctl("put", "a", "1")
        etcdctl("put", "a", "2")
        for arguments, words in (
            (("get", "a", "--rev", 2), "etcdserver: mvcc: required revision has been compacted"),
            (("get", "a", "--rev", 99), "etcdserver: mvcc: required revision is a future revision"),
            (("put", "a", "1", "--lease", "1234"), "etcdserver: requested lease not found"),
            (("put", "none", "--ignore-value"), "etcdserver: key not found"),
            (("lease", "revoke", "1234"), "etcdserver: requested lease not found"),
            (("put", "k" * 1025, "v"), "the key is too long"),
            (("put", "k", "v" * 65537), "the value is too long"),
            (("compact", 2), "this server has no method /etcdserverpb.KV/Compact"),
            (("user", "list"), "this server has no method /etcdserverpb.Auth/UserList"),
            (("snapshot", "save", os.path.join(self.directory, "s")), "this server has no method"),
        ):
            self.assertIn(words, etcdctl.refusal(*arguments), arguments)

    def test_a_transaction_does_one_thing_or_the_other(self):
        etcdctl = self.etcdctl()
        etcdctl("put", "k", "1")
        text = 'value("k") = "1"\nver("none") = "0"\n\nput k 2\nget k\n\nput k 3\nget none\n\n'
        self.assertEqual(etcdctl("txn", text=text), ["SUCCESS", "", "OK", "", "k", "2"])
        self.assertEqual(etcdctl("txn", text=text)[:3], ["FAILURE", "", "OK"])
        self.assertEqual(etcdctl("get", "k"), ["k", "3"])
        self.assertIn("SUCCESS", etcdctl("txn", "-i", text='mod("k") > "1"\n\ndel k\n\n\n'))

    def test_the_cluster_is_one_healthy_member(self):
        locker = self.locker()
        etcdctl = self.etcdctl(locker)
        self.assertIn("is healthy", etcdctl.run("endpoint", "health").stderr + "".join(etcdctl("endpoint", "health")))
        status = etcdctl.json("endpoint", "status")[0]["Status"]
        self.assertEqual(status["leader"], status["header"]["member_id"])
        self.assertEqual(len(etcdctl("endpoint", "status", "--cluster")), 1)
        self.assertEqual(etcdctl("member", "list")[0].split(", ")[1:3], ["started", "weir-locker"])
        self.assertEqual(len(Etcdctl(self, locker.etcd_port, "http://")("endpoint", "status")), 1)

    def test_keys_and_leases_survive_kill_9(self):
        store = os.path.join(self.directory, "journal")
        locker = self.locker(store="file:" + store)
        etcdctl = self.etcdctl(locker)
        lease = etcdctl.grant(1000)
        etcdctl("put", "k", "v", "--lease", lease)
        before = etcdctl.json("get", "k")
        locker.signal(signal.SIGKILL)
        locker.wait()
        again = self.etcdctl(store="file:" + store)
        self.assertEqual(again.json("get", "k"), before)
        self.assertIn("attached keys([k])", again("lease", "timetolive", lease, "--keys")[0])


class Watches(Case):
    def watch(self, etcdctl, *arguments, lines):
        watching = etcdctl.start("watch", *arguments)
        until(lambda: len(watching.out().splitlines()) >= lines, lambda: f"{lines} lines: {watching.out()!r}")
        watching.stop()
        return watching.out().splitlines()

    def test_a_watch_tells_of_a_range_from_a_revision_on(self):
        etcdctl = self.etcdctl()
        etcdctl("put", "a/1", "x")
        etcdctl("put", "b", "x")
        etcdctl("put", "a/2", "y")
        etcdctl("put", "a/2", "z")
        etcdctl("del", "a/1")
        self.assertEqual(self.watch(etcdctl, "--prefix", "a/", "--rev", 3, lines=9),
                         ["PUT", "a/2", "y", "PUT", "a/2", "z", "DELETE", "a/1", ""])
        self.assertEqual(self.watch(etcdctl, "a/2", "--rev", 5, "--prev-kv", lines=5), ["PUT", "a/2", "y", "a/2", "z"])

    def test_a_watch_tells_of_what_comes(self):
        etcdctl = self.etcdctl()
        watching = etcdctl.start("watch", "--prefix", "")
        count = 0
        while not watching.out():  # until it watches, what is put comes too early
            count += 1
            etcdctl("put", "k", count)
        first = int(watching.out().splitlines()[2])
        etcdctl("put", "last", "end")
        until(lambda: "end\n" in watching.out(), "the last change")
        expected = [line for i in range(first, count + 1) for line in ("PUT", "k", str(i))] + ["PUT", "last", "end"]
        self.assertEqual(watching.out().splitlines(), expected)

    def test_a_watch_from_what_is_forgotten_is_cancelled(self):
        etcdctl = self.etcdctl(extra="[limits]\nhistory = 100\n")
        for i in range(4):
            etcdctl("txn", text="\n" + "".join(f"put k{n} {i}\n" for n in range(40)) + "\n\n")
        watching = etcdctl.start("watch", "k", "--prefix", "--rev", 2)
        watching.wait()
        self.assertIn("required revision has been compacted", watching.err())
        self.assertEqual(self.watch(etcdctl, "k7", "--rev", 4, lines=6), ["PUT", "k7", "2", "PUT", "k7", "3"])


class Leases(Case):
    def test_a_lease_is_kept_alive_looked_at_and_revoked(self):
        etcdctl = self.etcdctl()
        lease = etcdctl.grant(500)
        etcdctl("put", "k", "v", "--lease", lease)
        self.assertEqual(etcdctl("lease", "list"), ["found 1 leases", lease])
        self.assertRegex(etcdctl("lease", "timetolive", lease, "--keys")[0], r"granted with TTL\(500s\), remaining\((500|49\d)s\), .*\[k\]")
        self.assertEqual(etcdctl("lease", "keep-alive", "--once", lease), [f"lease {lease} keepalived with TTL(500)"])
        etcdctl("lease", "revoke", lease)
        self.assertEqual(etcdctl("get", "k"), [])
        self.assertIn("already expired", etcdctl("lease", "timetolive", lease)[0])

    def test_one_that_nobody_keeps_alive_ends_with_its_keys(self):
        etcdctl = self.etcdctl()
        kept, left = etcdctl.grant(1), etcdctl.grant(1)
        keeping = etcdctl.start("lease", "keep-alive", kept)
        etcdctl("put", "kept", "v", "--lease", kept)
        etcdctl("put", "left", "v", "--lease", left)
        until(lambda: etcdctl("get", "left") == [], "the key to go")
        until(lambda: keeping.out().count("keepalived") >= 4, "some signs of life")
        self.assertEqual(etcdctl("get", "kept"), ["kept", "v"])


class Locks(Case):
    def queue(self, etcdctl, name):
        return etcdctl("get", name + "/", "--prefix", "--keys-only", "--sort-by", "CREATE")[::2]

    def test_a_lock_is_held_while_a_command_runs(self):
        etcdctl = self.etcdctl()
        done = etcdctl.run("lock", "job", "--", "sh", "-c", "echo $ETCD_LOCK_KEY; etcdctl --endpoints $0 get --prefix job/ --keys-only",
                           etcdctl.command[2])
        key = done.stdout.split()[0]
        self.assertRegex(key, r"^job/[0-9a-f]+$")
        self.assertEqual(done.stdout.split(), [key, key])
        self.assertEqual(self.queue(etcdctl, "job"), [])
        failed = etcdctl.run("lock", "job", "--", "sh", "-c", "exit 3")
        self.assertNotEqual(failed.returncode, 0)
        self.assertIn("exit status 3", failed.stderr)

    def test_who_comes_first_has_it_first(self):
        locker = self.locker()
        etcdctl = self.etcdctl(locker)
        waiting = []
        for i in range(4):
            waiting.append(etcdctl.start("lock", "job"))
            until(lambda: len(self.queue(etcdctl, "job")) == i + 1, "the claim")
        order = self.queue(etcdctl, "job")
        for i, one in enumerate(waiting):
            until(lambda: one.out(), "the lock")
            self.assertEqual(one.out().strip(), order[i])
            self.assertEqual([later.out() for later in waiting[i + 1:]], [""] * (3 - i))
            one.signal(signal.SIGINT)
            one.wait()
        self.assertEqual(self.queue(etcdctl, "job"), [])

    def test_what_a_killed_client_held_goes_to_the_next(self):
        etcdctl = self.etcdctl()
        killed = etcdctl.start("lock", "job", "--ttl", 1)
        until(killed.out, "the lock")
        heir = etcdctl.start("lock", "job")
        until(lambda: len(self.queue(etcdctl, "job")) == 2, "the claim")
        killed.signal(signal.SIGKILL)
        until(heir.out, "the lock to go on")
        self.assertEqual(self.queue(etcdctl, "job"), [heir.out().strip()])

    def test_the_doors_share_their_locks(self):
        locker = self.locker()
        etcdctl, door = self.etcdctl(locker), self.door(locker)
        session = door.session()
        self.assertEqual(door.acquire("job", session=session)[0], 200)
        waiting = etcdctl.start("lock", "job")
        until(lambda: len(door.waiters("job")) == 1, "the claim")
        self.assertEqual(waiting.out(), "")
        self.assertEqual(door.release("job", session)[0], 200)
        until(waiting.out, "the lock")
        self.assertEqual(len(door.holders("job")), 1)
        self.assertNotEqual(door.acquire("job", session=session)[0], 200)
        waiting.signal(signal.SIGINT)
        until(lambda: door.holders("job") == [], "the lock to be free")

    def test_leaders_follow_each_other_and_are_observed(self):
        etcdctl = self.etcdctl()
        first = etcdctl.start("elect", "mayor", "one")
        until(first.out, "the first leader")
        observing = etcdctl.start("elect", "-l", "mayor")
        until(lambda: "one" in observing.out(), "the first leader to be seen")
        second = etcdctl.start("elect", "mayor", "two")
        until(lambda: len(self.queue(etcdctl, "mayor")) == 2, "the candidate")
        self.assertEqual(second.out(), "")
        first.signal(signal.SIGINT)
        until(second.out, "the second leader")
        until(lambda: "two" in observing.out(), "the second leader to be seen")
        self.assertEqual(observing.out().splitlines()[1::2], ["one", "two"])

    def test_a_watcher_does_not_keep_the_server_from_ending(self):
        locker = self.locker()
        etcdctl = self.etcdctl(locker)
        etcdctl("put", "k", "v")
        watching = etcdctl.start("watch", "k", "--rev", 1)
        until(watching.out, "the watch")
        holding = etcdctl.start("lock", "job")
        until(holding.out, "the lock")
        self.assertEqual(locker.stop(), 0)
        for client in (watching, holding):  # they look for the server until they are killed
            client.signal(signal.SIGKILL)


class Likeness(Case):
    def test_the_same_calls_have_the_same_answers_as_etcds(self):
        locker = self.locker(store="file:" + os.path.join(self.directory, "journal"))
        etcd = self.keep(etcd_clients.Etcd(self.directory))
        ours, theirs = (etcd_clients.node("etcd_calls.js", f"127.0.0.1:{port}", etcd_clients.ROOT)
                        for port in (locker.etcd_port, etcd.port))
        self.maxDiff = None
        self.assertGreater(len(theirs), 100)
        self.assertEqual(ours, theirs)


if __name__ == "__main__":
    harness.main()
