"""weir-locker's HTTP door: sessions, locks of all kinds, waiting, elections, streams, what is refused, restarts."""

import json
import signal
import subprocess
import threading
import time

import harness
import locking
from harness import Connection, ask, until


class Waiting(threading.Thread):
    """A request that waits, on a connection of its own; answer() is what it got in the end."""

    def __init__(self, port, name, **body):
        super().__init__(daemon=True)
        self.door = locking.Door(port)
        self.name_of_lock, self.body, self.result = name, body, None
        self.start()

    def run(self):
        try:
            self.result = self.door.acquire(self.name_of_lock, **self.body)
        except OSError as error:
            self.result = error
        self.door.close()

    def answer(self):
        self.join(harness.PATIENCE)
        assert not self.is_alive(), "the request still waits"
        return self.result


class WaitingForSeveral(Waiting):
    def __init__(self, port, names, **body):
        super().__init__(port, None, names=names, **body)

    def run(self):
        self.result = self.door.ask("POST", "/locks", self.body)
        self.door.close()


class Sessions(locking.Case):
    def test_a_session_lives_as_long_as_it_is_kept_alive(self):
        door = self.door(self.locker())
        status, made = door.ask("POST", "/sessions", {"ttl": "30s", "host": "h", "pid": 7, "reason": "r"})
        self.assertEqual((status, made["ttl_ms"], made["host"], made["pid"], made["reason"]), (201, 30000, "h", 7, "r"))
        path = "/sessions/" + made["session"]
        self.assertEqual(door.ask("PUT", path)[0], 200)
        self.assertEqual(door.ask("GET", path)[1]["locks"], [])
        self.assertEqual([one["session"] for one in door.ask("GET", "/sessions")[1]["sessions"]], [made["session"]])
        self.assertEqual(door.ask("DELETE", path)[0], 200)
        for method in ("GET", "PUT", "DELETE"):
            self.assertEqual(door.ask(method, path)[0], 404)

    def test_one_that_is_silent_ends_with_its_locks(self):
        locker = self.locker()
        door = self.door(locker)
        session = door.session(ttl="300ms")
        self.assertEqual(door.acquire("a", session=session)[0], 200)
        until(lambda: door.holders("a") == [], "the lock to be free")
        self.assertEqual(door.ask("PUT", "/sessions/" + session)[0], 404)
        locker.wait_for_metric(1, "weir_lock_events_total", event="expired")
        until(lambda: 'msg="lock lost" lock=a' in locker.err(), "the loss in the log")

    def test_times_to_live_have_bounds(self):
        door = self.door(self.locker())
        for ttl in ("0s", "1ms", "100000h", "-1s", "soon", ""):
            status, problem = door.ask("POST", "/sessions", {"ttl": ttl})
            self.assertEqual(status, 400, ttl)
            self.assertIn("detail", problem)


class Locks(locking.Case):
    def setUp(self):
        super().setUp()
        self.server = self.locker()
        self.one, self.two = self.door(self.server), self.door(self.server)

    def test_one_holds_it_and_its_token_grows_with_each_grant(self):
        first, second = self.one.session(), self.two.session()
        tokens = []
        for session, other in ((first, second), (second, first), (first, second)):
            status, held = self.one.acquire("jobs/nightly", session=session)
            self.assertEqual((status, held["names"], held["holds"]), (200, ["jobs/nightly"], 1))
            tokens.append(held["token"])
            status, problem = self.two.acquire("jobs/nightly", session=other)
            self.assertEqual((status, problem["detail"]), (409, "held by others"))
            self.assertEqual(self.two.release("jobs/nightly", other)[0], 404)
            self.assertEqual(self.one.release("jobs/nightly", session)[0], 200)
        self.assertEqual(tokens, sorted(set(tokens)))

    def test_waiters_get_it_in_the_order_they_came(self):
        first = self.one.session()
        self.one.acquire("q", session=first)
        waiting = []
        for number in range(5):
            waiting.append(Waiting(self.server.port, "q", session=self.one.session(), wait="1m"))
            until(lambda: len(self.one.waiters("q")) == number + 1, "the waiter to stand in line")
        line = self.one.waiters("q")
        self.assertEqual(line, [one.body["session"] for one in waiting])
        self.one.release("q", first)
        for one in waiting:
            self.assertEqual(one.answer()[0], 200)
            self.assertEqual(self.one.holders("q"), [one.body["session"]])
            self.one.release("q", one.body["session"])

    def test_who_waited_in_vain_or_has_left_stands_in_line_no_more(self):
        holder = self.one.session()
        self.one.acquire("q", session=holder)
        status, problem = self.two.acquire("q", session=self.two.session(), wait="50ms")
        self.assertEqual(status, 409)
        self.assertIn("as long as was waited", problem["detail"])
        self.assertEqual(self.one.waiters("q"), [])
        body = json.dumps({"ttl": "1m", "wait": "1m"}).encode()
        gone = Connection(self.server.port)
        gone.send(b"POST /v1/locks/q HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        until(lambda: len(self.one.waiters("q")) == 1, "the waiter to stand in line")
        gone.close()
        until(lambda: self.one.waiters("q") == [], "the waiter to be gone")
        until(lambda: len(self.one.ask("GET", "/sessions")[1]["sessions"]) == 2, "its session to be gone")

    def test_readers_share_and_a_writer_that_waits_is_not_overtaken(self):
        readers = [self.one.session() for _ in range(3)]
        for reader in readers[:2]:
            self.assertEqual(self.one.acquire("rw", session=reader, mode="shared")[0], 200)
        writer = Waiting(self.server.port, "rw", session=self.one.session(), wait="1m")
        until(lambda: len(self.one.waiters("rw")) == 1, "the writer to wait")
        self.assertEqual(self.one.acquire("rw", session=readers[2], mode="shared")[0], 409)
        late = Waiting(self.server.port, "rw", session=readers[2], mode="shared", wait="1m")
        until(lambda: len(self.one.waiters("rw")) == 2, "the late reader to wait")
        for reader in readers[:2]:
            self.one.release("rw", reader)
        self.assertEqual(writer.answer()[0], 200)
        self.assertEqual(self.one.waiters("rw"), [readers[2]])
        self.one.release("rw", writer.body["session"])
        self.assertEqual(late.answer()[0], 200)

    def test_a_semaphore_has_as_many_holders_as_permits(self):
        sessions = [self.one.session() for _ in range(4)]
        wanted = {"mode": "semaphore", "permits": 3}
        for session in sessions[:3]:
            self.assertEqual(self.one.acquire("s", session=session, **wanted)[0], 200)
        self.assertEqual(self.one.acquire("s", session=sessions[3], **wanted)[0], 409)
        status, problem = self.one.acquire("s", session=sessions[3], mode="semaphore", permits=4, wait="1m")
        self.assertEqual(status, 409)
        self.assertIn("3 permits, not 4", problem["detail"])
        self.one.release("s", sessions[1])
        self.assertEqual(self.one.acquire("s", session=sessions[3], **wanted)[0], 200)

    def test_several_are_taken_together_or_not_at_all(self):
        first, second = self.one.session(), self.one.session()
        status, held = self.one.ask("POST", "/locks", {"names": ["b", "a"], "session": first})
        self.assertEqual((status, held["names"]), (200, ["b", "a"]))
        self.assertEqual(self.one.ask("POST", "/locks", {"names": ["c", "a"], "session": second})[0], 409)
        self.assertEqual(self.one.holders("c"), [])
        # Both want both, in other orders: whoever is first gets both first.
        threads = [threading.Thread(target=self.take_both, args=(names,)) for names in (["a", "b"], ["b", "a"]) * 4]
        for thread in threads:
            thread.start()
        self.one.release("a", first)
        self.one.release("b", first)
        for thread in threads:
            thread.join(harness.PATIENCE)
            self.assertFalse(thread.is_alive(), "a deadlock")

    def take_both(self, names):
        door = locking.Door(self.server.port)
        for _ in range(5):
            status, held = door.ask("POST", "/locks", {"names": names, "ttl": "1m", "wait": "1m"})
            assert status == 200, held
            for name in names:
                assert door.holders(name) == [held["session"]]
                assert door.release(name, held["session"])[0] == 200
        door.close()

    def test_taking_it_again_is_counted_where_it_is_asked_for(self):
        session = self.one.session()
        token = self.one.acquire("r", session=session)[1]["token"]
        self.assertEqual(self.one.acquire("r", session=session)[0], 409)
        status, held = self.one.acquire("r", session=session, again=True)
        self.assertEqual((status, held["holds"], held["token"]), (200, 2, token))
        self.one.release("r", session)
        self.assertEqual(self.one.holders("r"), [session])
        self.one.release("r", session)
        self.assertEqual(self.one.holders("r"), [])

    def test_several_are_taken_again_only_together(self):
        session = self.one.session()
        self.one.acquire("r1", session=session)
        waiter = Waiting(self.server.port, "r1", ttl="1m", wait="1m")
        until(lambda: self.one.waiters("r1"), "the waiter to stand in line")
        both = {"names": ["r1", "r2"], "session": session, "again": True}
        # A token from now would be above that of who waits already.
        self.assertEqual(self.one.ask("POST", "/locks", both)[0], 409)
        self.one.acquire("r2", session=session)
        self.assertEqual(self.one.ask("POST", "/locks", both)[0], 409)
        self.one.release("r1", session)
        self.assertEqual(waiter.answer()[0], 200)

    def test_what_is_given_back_during_the_wait_for_the_rest_is_not_held(self):
        holder, session = self.one.session(), self.one.session()
        self.one.acquire("w2", session=holder)
        waiter = WaitingForSeveral(self.server.port, ["w1", "w2"], session=session, wait="1m")
        until(lambda: self.one.waiters("w2"), "the waiter to stand in line")
        self.one.release("w1", session)
        self.one.release("w2", holder)
        self.assertEqual(waiter.answer()[0], 404)
        self.assertEqual(self.one.holders("w2"), [])

    def test_after_a_session_expires_its_lock_is_kept_for_the_delay(self):
        session = self.one.session(ttl="200ms")
        self.one.acquire("d", session=session, delay="700ms")
        began = time.monotonic()
        until(lambda: self.one.show("d")["holders"][0].get("is_delay"), "the session to expire")
        waiter = Waiting(self.server.port, "d", session=self.two.session(), wait="1m")
        self.assertEqual(waiter.answer()[0], 200)
        self.assertGreaterEqual(time.monotonic() - began, 0.8)

    def test_a_session_of_its_own_outlives_the_wait(self):
        holder = self.one.session()
        self.one.acquire("o", session=holder)
        waiter = Waiting(self.server.port, "o", ttl="200ms", wait="1m")
        until(lambda: self.one.waiters("o"), "the waiter to stand in line")
        began = time.monotonic()
        until(lambda: time.monotonic() > began + 0.6, "more than its time to pass")
        self.one.release("o", holder)
        self.assertEqual(waiter.answer()[0], 200)

    def test_a_session_may_have_more_locks_with_delays_than_a_request_has_room_for(self):
        session = self.one.session(ttl="500ms")
        names = [f"many/{number}" for number in range(100)]
        self.assertEqual(self.one.ask("POST", "/locks", {"names": names, "session": session, "delay": "500ms"})[0], 200)
        listed = lambda: self.one.ask("GET", "/locks")[1]["locks"]
        until(lambda: all(lock["holders"][0].get("is_delay") for lock in listed()), "the session to expire")
        until(lambda: not listed(), "all to be free")

    def test_a_session_of_its_own_ends_with_the_lock(self):
        status, held = self.one.acquire("o", ttl="1m")
        self.assertEqual(status, 200)
        self.one.release("o", held["session"])
        self.assertEqual(self.one.ask("GET", "/sessions")[1]["count"], 0)

    def test_an_administrator_takes_a_lock_away_and_that_is_recorded(self):
        held = self.one.acquire("jobs/x", ttl="1m", host="far-away")[1]
        waiter = Waiting(self.server.port, "jobs/x", ttl="1m", wait="1m")
        until(lambda: self.one.waiters("jobs/x"), "the waiter to stand in line")
        body = json.dumps({"lock": "jobs/x", "token": held["token"], "reason": "the host is gone"}).encode()
        fields = [("Content-Type", "application/json")]
        for expected in (202, 404):
            answer = ask(self.server.admin_port, "POST", "/api/release", fields=fields, body=body, host="127.0.0.1")
            self.assertEqual(answer.status, expected, answer.body)
            self.assertEqual(waiter.answer()[0], 200)
        until(lambda: 'msg="lock lost" lock=jobs/x' in self.server.err(), "the loss in the log")
        self.assertIn("the host is gone", self.server.err())
        self.server.wait_for_metric(1, "weir_lock_events_total", event="forced")


class Listening(locking.Case):
    def stream(self, port, path):
        connection = Connection(port)
        self.addCleanup(connection.close)
        connection.send(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        answer = connection.read_head()
        self.assertEqual((answer.status, answer["Content-Type"]), (200, "text/event-stream"))
        return connection

    def next_event(self, connection):
        while True:
            size = int(connection.read_line(), 16)
            text = connection.read(size).decode()
            connection.read(2)
            if not text.startswith(":"):
                fields = dict(line.split(": ", 1) for line in text.strip().split("\n"))
                return fields["event"], json.loads(fields["data"])

    def test_events_of_the_locks_below_a_name(self):
        locker = self.locker()
        door = self.door(locker)
        events = self.stream(locker.port, "/v1/events/jobs/")
        session = door.session()
        for name in ("other", "jobs/a"):
            door.acquire(name, session=session, text="t")
            door.release(name, session)
        seen = [self.next_event(events) for _ in range(3)]
        self.assertEqual([kind for kind, _ in seen], ["claimed", "granted", "released"])
        self.assertEqual({data["lock"] for _, data in seen}, {"jobs/a"})
        self.assertEqual(seen[1][1]["session"], session)

    def test_an_election_has_leaders_one_after_the_other(self):
        locker = self.locker()
        door = self.door(locker)
        leaders = self.stream(locker.port, "/v1/leaders/boss")
        self.assertEqual(self.next_event(leaders), ("leader", {"name": "boss", "leader": None}))
        first, second = door.session(), door.session()
        self.assertEqual(door.ask("POST", "/elections/boss", {"session": first, "text": "one"})[0], 200)
        self.assertEqual(self.next_event(leaders)[1]["leader"]["text"], "one")
        body = {"session": second, "text": "two"}
        other = threading.Thread(target=locking.Door(locker.port).ask, args=("POST", "/elections/boss", body))
        other.start()
        until(lambda: door.waiters("boss") == [second], "the other candidate")
        self.assertEqual(door.ask("DELETE", "/elections/boss", session=first)[0], 200)
        self.assertEqual(self.next_event(leaders)[1]["leader"]["text"], "two")
        other.join(harness.PATIENCE)

    def test_a_long_poll_ends_with_the_next_change(self):
        locker = self.locker()
        door = self.door(locker)
        revision = door.show("p")["revision"]
        seen = []
        poll = threading.Thread(target=lambda: seen.append(
            locking.Door(locker.port).ask("GET", "/locks/p", wait="1m", after=revision)))
        poll.start()
        session = door.session()
        door.acquire("p", session=session)
        poll.join(harness.PATIENCE)
        self.assertEqual(seen[0][1]["holders"][0]["session"], session)
        began = time.monotonic()
        door.ask("GET", "/locks/p", wait="100ms", after=door.show("p")["revision"])
        self.assertGreaterEqual(time.monotonic() - began, 0.09)

    def test_events_go_where_the_config_says(self):
        locker = self.locker(extra='[events]\nto = "stdout"')
        door = self.door(locker)
        door.release("e", door.acquire("e", ttl="1m", reason="why")[1]["session"])
        until(lambda: len(locker.out().splitlines()) == 3, "three events")
        self.assertEqual([(one["event"], one["lock"], one["reason"]) for one in locker.events()],
                         [("claimed", "e", "why"), ("granted", "e", "why"), ("released", "e", "why")])


class Refused(locking.Case):
    def test_bad_input_is_told_what_is_wrong_and_holds_nothing(self):
        door = self.door(self.locker())
        session = door.session()
        long_name = "n" * 600
        for name, body, status in (
                ("a", {}, 400), ("a", {"session": "zz"}, 400), ("a", {"session": "abc"}, 404),
                ("a", {"session": session, "ttl": "3s"}, 400), ("a", {"session": session, "mode": "half"}, 400),
                ("a", {"session": session, "mode": "semaphore"}, 400), ("a", {"session": session, "permits": 2}, 400),
                ("a", {"session": session, "mode": "semaphore", "permits": 0}, 400),
                ("a", {"session": session, "wait": "long"}, 400), ("a", {"session": session, "colour": "red"}, 400),
                ("a", {"session": session, "again": "yes"}, 400), ("a b", {"session": session}, 400),
                (long_name, {"session": session}, 400)):
            answer = door.acquire(name, **body)
            self.assertEqual(answer[0], status, (name[:9], body, answer))
            self.assertIn("detail", answer[1])
        self.assertEqual(door.ask("POST", "/locks", {"names": [], "session": session})[0], 400)
        self.assertEqual(door.ask("POST", "/locks", {"names": ["a", "a"], "session": session})[0], 400)
        self.assertEqual(door.ask("POST", "/locks", {"names": ["a//b"], "session": session})[0], 400)
        self.assertEqual(door.ask("GET", "/nothing")[0], 404)
        self.assertEqual(door.ask("PUT", "/locks/a")[0], 405)
        self.assertEqual(door.ask("GET", "/locks")[1]["locks"], [])

    def test_a_body_that_is_too_large_or_no_json(self):
        locker = self.locker()
        fields = [("Content-Type", "application/json")]
        answer = ask(locker.port, "POST", "/v1/sessions", fields=fields, body=b"{]", host="127.0.0.1")
        self.assertEqual(answer.status, 400)
        answer = ask(locker.port, "POST", "/v1/sessions", fields=fields, body=b" " * 40_000, host="127.0.0.1")
        self.assertEqual(answer.status, 413)

    def test_a_token_is_wanted_where_one_is_set(self):
        locker = self.locker(http='token = "sesame"')
        self.assertEqual(self.door(locker).ask("GET", "/locks")[0], 401)
        self.assertEqual(self.door(locker, token="wrong").ask("GET", "/locks")[0], 401)
        self.assertEqual(self.door(locker, token="sesame").ask("GET", "/locks")[0], 200)

    def test_another_sites_page_cannot_make_a_browser_ask(self):
        locker = self.locker()
        for fields, host in (([("Sec-Fetch-Site", "cross-site")], "127.0.0.1"), ([], "evil.example")):
            answer = ask(locker.port, "POST", "/v1/sessions", fields=fields, body=b"{}", host=host)
            self.assertEqual(answer.status, 403)

    def test_what_is_kept_has_bounds(self):
        locker = self.locker(extra="[limits]\nmax_keys = 2\nmax_sessions = 3\nmax_value = \"1KiB\"")
        door = self.door(locker)
        session = door.session()
        self.assertEqual(door.acquire("big", session=session, text="x" * 5000)[0], 413)
        for name in ("a", "b"):
            self.assertEqual(door.acquire(name, session=session)[0], 200)
        self.assertEqual(door.acquire("c", session=session)[0], 413)
        door.session(), door.session()
        self.assertEqual(door.ask("POST", "/sessions", {"ttl": "1m"})[0], 413)

    def test_a_config_that_cannot_be(self):
        for line, error in (("workers = 2", "the state has one owner"), ('handover = "unix:/x"', "one owner")):
            text = locking.config().replace("[server]", "[server]\n" + line)
            locker = self._daemon(locking.Locker, text, {"wait": False})
            self.assertEqual(locker.wait(), 78)
            self.assertIn(error, locker.err())


class Restarts(locking.Case):
    def start(self, **more):
        return self.locker(store=f"file:{self.directory}/journal", **more)

    def test_locks_outlive_a_restart_and_tokens_go_on(self):
        for ending in (signal.SIGTERM, signal.SIGKILL):
            locker = self.start()
            door = self.door(locker)
            session = door.session(ttl="1m", host="here")
            name = f"lock-{ending}"
            token = door.acquire(name, session=session)[1]["token"]
            locker.signal(ending)
            locker.wait()
            locker = self.start()
            door = self.door(locker)
            self.assertEqual(door.holders(name), [session])
            self.assertEqual(door.show(name)["holders"][0]["host"], "here")
            self.assertGreater(door.ask("GET", "/sessions/" + session)[1]["left_ms"], 50_000)
            self.assertEqual(door.release(name, session)[0], 200)
            self.assertGreater(door.acquire(name, session=session)[1]["token"], token)
            locker.signal(signal.SIGTERM)
            self.assertEqual(locker.wait(), 0)

    def test_a_snapshot_takes_the_place_of_what_was_before_it(self):
        locker = self.start(top='snapshot_after = "64KiB"')
        door = self.door(locker)
        session = door.session()
        for number in range(400):
            door.acquire("big", session=session, text="x" * 200)
            door.release("big", session)
        door.acquire("kept", session=session)
        locker.signal(signal.SIGKILL)
        locker.wait()
        self.assertEqual(self.door(self.start()).holders("kept"), [session])

    def test_a_directory_has_one_owner(self):
        self.start()
        other = self._daemon(locking.Locker, locking.config(store=f"file:{self.directory}/journal"), {"wait": False})
        self.assertNotEqual(other.wait(), 0)
        self.assertIn("journal", other.err())

    def test_a_drain_answers_those_who_wait_and_ends_at_once(self):
        locker = self.locker()
        door = self.door(locker)
        door.acquire("w", ttl="1m")
        waiting = Waiting(locker.port, "w", ttl="1m", wait="1h")
        until(lambda: door.waiters("w"), "the waiter to stand in line")
        idle = Connection(locker.port)
        self.addCleanup(idle.close)
        began = time.monotonic()
        locker.signal(signal.SIGTERM)
        status, problem = waiting.answer()
        self.assertEqual((status, problem["detail"]), (503, "the server is ending"))
        self.assertEqual(locker.wait(), 0)
        self.assertLess(time.monotonic() - began, 10)

    def test_a_server_that_was_stopped_blames_nobody(self):
        locker = self.locker()
        door = self.door(locker)
        session = door.session(ttl="1s")
        door.acquire("s", session=session)
        locker.signal(signal.SIGSTOP)
        ended = time.monotonic() + 3
        until(lambda: time.monotonic() > ended, "time to pass", patience=10)
        locker.signal(signal.SIGCONT)
        self.assertEqual(door.ask("PUT", "/sessions/" + session)[0], 200)
        self.assertEqual(door.holders("s"), [session])


class Curl(locking.Case):
    def test_the_manual_page_s_commands(self):
        locker = self.locker()
        base = f"http://127.0.0.1:{locker.port}/v1"

        def curl(*arguments):
            done = subprocess.run(["curl", "-sS", *arguments], capture_output=True, text=True, check=True)
            return json.loads(done.stdout)

        held = curl("-d", '{"ttl": "30s"}', base + "/locks/nightly")
        self.assertEqual(held["names"], ["nightly"])
        self.assertEqual(curl("-d", '{"ttl": "30s"}', base + "/locks/nightly")["status"], 409)
        self.assertEqual(curl(base + "/locks")["count"], 1)
        curl("-X", "PUT", f"{base}/sessions/{held['session']}")
        curl("-X", "DELETE", f"{base}/locks/nightly?session={held['session']}")
        self.assertEqual(curl(base + "/locks")["count"], 0)


if __name__ == "__main__":
    harness.main()
