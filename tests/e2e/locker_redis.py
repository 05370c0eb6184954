"""weir-locker's Redis door: redis-cli and lock libraries unchanged, and what no library would send."""

import random
import signal
import threading
import time

import harness
import locking
from harness import until
from node_packages import node
from redis_clients import RELEASE, Client, Refused, RedisServer, cli, encode


class RedisCase(locking.Case):
    def client(self, locker, **more):
        client = Client(locker.redis_port, **more)
        self.addCleanup(client.close)
        return client

    def assert_refused(self, beginning, client, *words):
        with self.assertRaises(Refused) as refused:
            client(*words)
        self.assertRegex(str(refused.exception), "^" + beginning)


class Clients(RedisCase):
    def test_redis_cli_takes_and_releases_a_lock_in_both_protocols(self):
        port = self.locker().redis_port
        for protocol in ("-2", "-3"):
            self.assertEqual(cli(port, protocol, "SET", "job:1", "me", "NX", "PX", "30000"), "OK")
            self.assertEqual(cli(port, protocol, "SET", "job:1", "you", "NX", "PX", "30000"), "")
            self.assertEqual(cli(port, protocol, "GET", "job:1"), "me")
            self.assertIn(cli(port, protocol, "TTL", "job:1"), ("30", "29"))
            self.assertEqual(cli(port, protocol, "EVAL", RELEASE, "1", "job:1", "you"), "0")
            self.assertEqual(cli(port, protocol, "EVAL", RELEASE, "1", "job:1", "me"), "1")
            self.assertEqual(cli(port, protocol, "GET", "job:1"), "")

    def test_redis_cli_as_a_person_uses_it(self):
        port = self.locker().redis_port
        self.assertEqual(cli(port, text="set a 1 nx ex 30\nget a\ndel a\nnonsense\n").split("\n")[:3], ["OK", "1", "1"])
        self.assertIn("redis_version:7", cli(port, "INFO"))
        self.assertNotIn("redis_version", cli(port, "INFO", "replication"))

    def test_redlock_5(self):
        self.assertEqual(node("redlock.js", self.locker().redis_port, 5, packages=["redlock@5.0.0-beta.2", "ioredis@5"]), "done\n")

    def test_redlock_4(self):
        self.assertEqual(node("redlock.js", self.locker().redis_port, 4, packages=["redlock@4.2.0", "ioredis@5"]), "done\n")

    def test_redis_py(self):
        import redis
        port = self.locker(redis_keys='password = "secret"').redis_port
        one, other = (redis.Redis(port=port, password="secret", client_name=name) for name in ("one", "other"))
        self.addCleanup(one.close)
        self.addCleanup(other.close)
        lock = one.lock("nightly", timeout=30)
        self.assertTrue(lock.acquire(blocking=False))
        self.assertFalse(other.lock("nightly", timeout=30).acquire(blocking=False))
        self.assertTrue(lock.owned())
        lock.extend(30)
        self.assertGreater(one.pttl("nightly"), 40000)
        lock.extend(10, replace_ttl=True)
        self.assertLessEqual(one.pttl("nightly"), 10000)
        lock.reacquire()
        self.assertGreater(one.pttl("nightly"), 20000)
        lock.release()
        with other.lock("nightly", timeout=30, blocking_timeout=5):
            self.assertFalse(lock.acquire(blocking=False))
        with self.assertRaises(redis.exceptions.LockError):
            lock.release()


class Commands(RedisCase):
    def test_a_lock_ends_by_itself_and_the_next_has_a_greater_token(self):
        locker = self.locker()
        one, other = self.client(locker), self.client(locker)
        began = time.monotonic()
        self.assertEqual(one("SET", "a", "1", "NX", "PX", 300), "OK")
        first = one("TOKEN", "a", "1")
        until(lambda: other("SET", "a", "2", "NX", "PX", 30000) == "OK", "the lock's end")
        self.assertGreaterEqual(time.monotonic() - began, 0.29)
        self.assertIsNone(one("TOKEN", "a", "1"))
        self.assertGreater(other("TOKEN", "a", "2"), first)
        self.assertEqual(one("EVAL", RELEASE, 1, "a", "1"), 0)
        self.assertEqual(other("GET", "a"), "2")

    def test_a_new_end_keeps_the_token_and_another_value_gets_another(self):
        client = self.client(self.locker())
        client("SET", "a", "1", "PX", 60000)
        token = client("TOKEN", "a")
        self.assertEqual(client("PEXPIRE", "a", 200000), 1)
        self.assertGreater(client("PTTL", "a"), 100000)
        client("SET", "a", "1", "PX", 300000)
        self.assertEqual(client("TOKEN", "a"), token)
        self.assertGreater(client("PTTL", "a"), 200000)
        self.assertEqual(client("SET", "a", "2", "KEEPTTL", "GET"), "1")
        self.assertGreater(client("TOKEN", "a"), token)
        self.assertGreater(client("PTTL", "a"), 200000)
        self.assertEqual(client("PEXPIRE", "a", 0), 1)
        self.assertEqual(client("EXISTS", "a"), 0)

    def test_a_lock_without_an_end_is_refused(self):
        client = self.client(self.locker())
        for words in (("SET", "a", "1"), ("SET", "a", "1", "NX"), ("SETNX", "a", "1"), ("SET", "a", "1", "KEEPTTL")):
            self.assert_refused("ERR a lock needs an end.*PX", client, *words)
        client("SET", "a", "1", "PX", 30000)
        self.assert_refused("ERR a lock needs an end", client, "PERSIST", "a")
        self.assertEqual(client("PTTL", "b"), -2)

    def test_what_is_no_lock_is_refused_clearly(self):
        client = self.client(self.locker())
        for name in ("", "a b", "/a", "a/", "a//b", "x" * 513, "a\x01"):
            self.assert_refused("ERR a lock's name", client, "SET", name, "1", "NX", "PX", 1000)
            self.assert_refused("ERR a lock's name", client, "GET", name)
            self.assert_refused("ERR a lock's name", client, "EVAL", RELEASE, 1, name, "1")
        self.assert_refused("ERR a lock's value is at most 4096", client, "SET", "a", "x" * 4097, "NX", "PX", 1000)
        self.assertEqual(client("SET", "x" * 512, "x" * 4096, "NX", "PX", 30000), "OK")
        self.assertEqual(client("GET", "x" * 512), "x" * 4096)
        self.assert_refused("ERR .*10ms to 30d", client, "SET", "a", "1", "NX", "PX", 1)
        self.assert_refused("ERR .*10ms to 30d", client, "SET", "a", "1", "NX", "EX", 31 * 86400)

    def test_scripts_that_are_not_known_are_refused(self):
        client = self.client(self.locker())
        self.assert_refused("ERR unknown script; weir-locker runs only", client, "EVAL", "return 1", 0)
        self.assert_refused("ERR unknown script", client, "SCRIPT", "LOAD", "return redis.call('flushall')")
        self.assert_refused("NOSCRIPT", client, "EVALSHA", "0" * 40, 0)
        digest = client("SCRIPT", "LOAD", RELEASE)
        self.assertEqual(client("SCRIPT", "EXISTS", digest, "0" * 40), [1, 0])
        client("SET", "a", "1", "NX", "PX", 30000)
        self.assertEqual(self.client_of_same(client)("EVALSHA", digest, 1, "a", "1"), 1)
        self.assert_refused("ERR Number of keys", client, "EVALSHA", digest, 3, "a", "1")
        self.assert_refused("ERR this script needs more", client, "EVALSHA", digest, 0, "a", "1")

    def client_of_same(self, client):
        other = Client(client.socket.getpeername()[1])
        self.addCleanup(other.close)
        return other

    def test_a_password_is_asked_for(self):
        locker = self.locker(redis_keys='password = "secret"')
        client = self.client(locker)
        self.assert_refused("NOAUTH", client, "GET", "a")
        self.assert_refused("NOAUTH", client, "PING")
        self.assert_refused("WRONGPASS", client, "AUTH", "secre")
        self.assert_refused("WRONGPASS", client, "AUTH", "root", "secret")
        self.assert_refused("NOAUTH", client, "HELLO", "3")
        self.assertEqual(client("AUTH", "secret"), "OK")
        self.assertIsNone(client("GET", "a"))
        other = self.client(locker)
        hello = other("HELLO", "3", "AUTH", "default", "secret", "SETNAME", "me")
        self.assertEqual((hello["proto"], hello["role"]), (3, "master"))
        self.assertEqual(other("CLIENT", "GETNAME"), "me")
        self.assertEqual(other("RESET"), "RESET")
        self.assert_refused("NOAUTH", other, "GET", "a")

    def test_answers_are_those_of_redis(self):
        real = self.keep(RedisServer(self.directory))
        ours, theirs = self.client(self.locker()), Client(real.port)
        self.addCleanup(theirs.close)
        script = RELEASE.replace("del", "pexpire").replace("KEYS[1])\n", "KEYS[1])").replace(
            '"pexpire",KEYS[1])', '"pexpire",KEYS[1],ARGV[2])')
        for words in (
                "PING", "PING x", "ECHO x", "SELECT 0", "GET a", "SET a 1 NX PX 30000", "SET a 2 NX PX 30000",
                "SET a 2 XX GET PX 40000", "GET a", "SET b 1 XX PX 30000", "SET b 1 PX 30000 GET", "SET b 2 nx get px 1000",
                "EXISTS a b c a", "TYPE a", "TYPE c", "TTL a", "TTL c", "PTTL c", "EXPIRE a 100", "TTL a", "EXPIRE c 100",
                "EXPIRE a 50 GT", "EXPIRE a 50 LT", "EXPIRE a 50 NX", "EXPIRE a 60 XX", "TTL a", "SETEX c 20 v", "GET c",
                "PSETEX c 20000 w", "GET c", "SET a 1 PX", "SET a 1 PX x", "SET a 1 PX 0", "SET a 1 PX -5", "SET a 1 NX XX PX 1000",
                "SET a 1 PX 1000 EX 1", "SET a 1 EX 99999999999999999", "GET", "GET a b", "SELECT x", "EXPIRE a x", "DEL a b c d",
                "DEL a", "UNLINK a", "CLIENT SETNAME me", "CLIENT GETNAME", "EVALSHA 0000 0", "RESET", "CLIENT GETNAME",
                "HELLO 4", "ROLE", "SCRIPT FLUSH", ("SET", "d", "v", "NX", "PX", "30000"), ("EVAL", script, "1", "d", "v", "90000"),
                "TTL d", ("EVAL", script, "1", "d", "w", "90000"), ("EVAL", RELEASE, "1", "d", "w"),
                ("EVAL", RELEASE, "1", "d", "v"), ("EVAL", RELEASE, "x", "d"), ("EVAL", RELEASE, "-1", "d"),
                ("EVAL", RELEASE, "5", "d"), "QUIT"):
            words = words.split() if isinstance(words, str) else words
            for client in (ours, theirs):
                client.send(encode(*words))
            got, expected = ours.reply(), theirs.reply()
            with self.subTest(words=words, expected=str(expected)):
                self.assertEqual(type(got), type(expected), str(got))
                self.assertEqual(str(got).lower().rstrip(), str(expected).lower().rstrip())


class Doors(RedisCase):
    def test_the_other_doors_see_what_a_redis_client_holds(self):
        locker = self.locker()
        client, door = self.client(locker), self.door(locker)
        client("CLIENT", "SETNAME", "worker-7")
        client("SET", "a", "value", "NX", "PX", 30000)
        holder, = door.show("a")["holders"]
        self.assertEqual((holder["host"], holder["token"]), ("worker-7", client("TOKEN", "a")))
        status, _ = door.acquire("a", session=door.session())
        self.assertEqual(status, 409)

    def test_a_sessions_lock_can_be_seen_and_not_touched(self):
        locker = self.locker()
        client, door = self.client(locker), self.door(locker)
        session = door.session(host="builder")
        self.assertEqual(door.acquire("a", session=session)[0], 200)
        self.assertIsNone(client("SET", "a", "1", "NX", "PX", 30000))
        self.assertEqual(client("GET", "a"), "")
        self.assertGreater(client("PTTL", "a"), 0)
        for words in (("DEL", "a"), ("SET", "a", "1", "PX", 30000), ("PEXPIRE", "a", 30000), ("EVAL", RELEASE, 1, "a", ""),
                      ("DEL", "b", "a")):
            self.assert_refused("ERR the lock 'a' is held by a session of builder", client, *words)
        self.assertEqual(door.holders("a"), [session])
        door.release("a", session)
        self.assertEqual(client("SET", "a", "1", "NX", "PX", 30000), "OK")

    def test_who_waits_at_another_door_gets_it_next(self):
        locker = self.locker()
        client, door = self.client(locker), self.door(locker)
        client("SET", "a", "1", "NX", "PX", 30000)
        session = door.session()
        waiter = threading.Thread(target=lambda: door.acquire("a", session=session, wait="20s"))
        waiter.start()
        other = self.door(locker)
        until(lambda: other.waiters("a") == [session], "the waiter")
        self.assert_refused("ERR others wait for the lock 'a'", client, "SET", "a", "2", "PX", 30000)
        self.assertEqual(client("SET", "a", "1", "PX", 30000), "OK")
        self.assertEqual(client("DEL", "a"), 1)
        waiter.join(harness.PATIENCE)
        self.assertEqual(other.holders("a"), [session])
        self.assertIsNone(client("SET", "a", "3", "NX", "PX", 30000))

    def test_what_was_answered_is_there_after_a_crash(self):
        store = f"file:{self.directory}/state"
        locker = self.locker(store=store)
        client = self.client(locker)
        client.send(b"".join(encode("SET", f"n{i}", i, "NX", "PX", 30000) for i in range(200)))
        self.assertEqual([client.reply() for _ in range(200)], ["OK"] * 200)
        client("SET", "n7", "x", "PX", 60000)
        token = client("TOKEN", "n7")
        locker.signal(signal.SIGKILL)
        locker.wait()
        client = self.client(self.locker(store=store))
        self.assertEqual([client("GET", f"n{i}") for i in range(200)], ["x" if i == 7 else str(i) for i in range(200)])
        self.assertEqual(client("TOKEN", "n7"), token)
        self.assertGreater(client("PTTL", "n7"), 30000)
        self.assertEqual(client("DEL", "n7"), 1)
        client("SET", "n7", "y", "NX", "PX", 30000)
        self.assertGreater(client("TOKEN", "n7"), token)


class Wire(RedisCase):
    def test_pipelined_commands_are_answered_in_order(self):
        client = self.client(self.locker())
        commands = []
        for i in range(1000):
            commands += [encode("SET", f"k{i % 7}", i, "NX", "PX", 30000), encode("ECHO", i), encode("DEL", f"k{i % 7}")]
        client.send(b"".join(commands))
        for i in range(1000):
            self.assertEqual([client.reply() for _ in range(3)], ["OK", str(i), 1])

    def test_replies_may_be_much_larger_than_commands(self):
        client = self.client(self.locker())
        client("SET", "a", "x" * 4096, "NX", "PX", 60000)
        client.send(encode("GET", "a") * 2000)
        for _ in range(2000):
            self.assertEqual(len(client.reply()), 4096)

    def test_malformed_commands_end_the_connection(self):
        locker = self.locker()
        for data in (b"*1\r\n:1\r\n", b"*x\r\n", b"*1\r\n$-1\r\n", b"*1\r\n$3\r\nPINGX", b"*99999\r\n", b"*1\n", b'get "a\r\n',
                     b"*2\r\n$3\r\nGET\r\n$1048576\r\n", b"x" * 70000 + b"\r\n",
                     b"*" + b"1" * 100, b"*3\r\n$30000\r\n" + b"x" * 30000 + b"\r\n$32000\r\n"):
            with self.subTest(data=data[:40]):
                client = self.client(locker)
                client.send(encode("PING"))
                self.assertEqual(client.reply(), "PONG")
                try:
                    client.send(data)
                    self.assertRegex(client.rest(), b"^-ERR Protocol error: [^\r\n]*\r\n$")
                except ConnectionError:
                    # What we have sent behind the error is answered by a reset.
                    self.assertGreater(len(data), 60000)

    def test_random_bytes_break_nothing(self):
        locker = self.locker()
        chance = random.Random(harness.commit_number())
        pieces = [b"*", b"$", b"\r\n", b"1", b"3", b"-1", b"SET", b"GET", b"a", b'"', b"\x00", b"\xff", b"PX", b"EVAL", b" "]
        for _ in range(300):
            client = self.client(locker)
            try:
                client.send(b"".join(chance.choice(pieces) for _ in range(chance.randrange(200))))
            except ConnectionError:
                pass
            client.close()
        self.assertEqual(self.client(locker)("PING"), "PONG")

    def test_http_is_not_taken_for_commands(self):
        locker = self.locker()
        client = self.client(locker)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\n\r\nset a 1 px 30000\r\n")
        try:
            self.assertEqual(client.rest(), b"")
        except ConnectionError:
            pass
        self.assertIsNone(self.client(locker)("GET", "a"))

    def test_a_client_that_finishes_sending_gets_all_its_replies(self):
        locker = self.locker()
        client = self.client(locker)
        client.send(encode("SET", "a", "1", "NX", "PX", 30000) + encode("GET", "a") + b"*2\r\n$3\r\nGE")
        client.socket.shutdown(1)
        self.assertEqual(client.rest(), b"+OK\r\n$1\r\n1\r\n")

    def test_half_a_command_holds_up_nobody(self):
        locker = self.locker()
        slow = [self.client(locker) for _ in range(20)]
        for client in slow:
            client.send(b"*3\r\n$3\r\nSET\r\n$1\r")
        self.assertEqual(self.client(locker)("SET", "a", "1", "NX", "PX", 30000), "OK")
        for client in slow:
            client.send(b"\na\r\n$1\r\n")
        for client in slow:
            client.send(b"2\r\n")
            self.assertRegex(str(client.reply()), "ERR a lock needs an end")

    def test_quit_answers_and_closes(self):
        client = self.client(self.locker())
        client.send(encode("QUIT") + encode("SET", "a", "1", "NX", "PX", 30000))
        self.assertEqual(client.rest(), b"+OK\r\n")


class Exclusion(RedisCase):
    def test_one_at_a_time_among_many_clients(self):
        locker = self.locker()
        state = {"inside": 0, "rounds": 0, "tokens": []}
        failures = []

        def work(number):
            client = Client(locker.redis_port)
            chance = random.Random(number)
            try:
                for turn in range(20):
                    value = f"{number}.{turn}"
                    until(lambda: client("SET", "one", value, "NX", "PX", 60000) == "OK", "the lock")
                    state["inside"] += 1
                    if state["inside"] != 1:
                        failures.append(f"{state['inside']} hold it")
                    state["tokens"].append(client("TOKEN", "one", value))
                    state["rounds"] += 1
                    state["inside"] -= 1
                    if client(*chance.choice([("DEL", "one"), ("EVAL", RELEASE, 1, "one", value)])) != 1:
                        failures.append(f"{value} was not released")
            except BaseException as error:
                failures.append(repr(error))
            client.close()

        workers = [threading.Thread(target=work, args=(number,)) for number in range(12)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(4 * harness.PATIENCE)
        self.assertEqual(failures, [])
        self.assertEqual(state["rounds"], 240)
        self.assertEqual(state["tokens"], sorted(set(state["tokens"])))


if __name__ == "__main__":
    harness.main()
