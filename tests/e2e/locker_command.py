"""weir-lock: commands under locks, with a real weir-locker, shells and signals."""

import json
import os
import pty
import signal
import subprocess
import sys
import time

import harness
from certificates import Authority
from harness import free_port, until
from locking_commands import LOCK, Case
from raw_http import PATIENCE
from upgrading import is_alive

# Writes its process number and then does nothing until it is ended.
SLEEPER = 'echo $$ > "$0.new" && mv "$0.new" "$0"; exec sleep 1000'


# Writes a line for each interrupt that comes, until SIGUSR1 does.
COUNTS_INTERRUPTS = '''
import signal
awaited = {signal.SIGINT, signal.SIGUSR1}
signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
open("ready", "w").close()
while signal.sigwaitinfo(awaited).si_signo == signal.SIGINT:
    print("interrupted", file=open("interrupts", "a"))
'''


def sleeper(file):
    return ["sh", "-c", SLEEPER, file]


class Statuses(Case):
    def test_the_status_of_the_command_is_passed_on(self):
        locker = self.locker()
        for script, status in (("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 128 + 9), ("kill -TERM $$", 128 + 15)):
            self.assertEqual(self.weir_lock(locker, "run", "a", "--", "sh", "-c", script).returncode, status, script)
        self.assertEqual(self.weir_lock(locker, "run", "a", "--", "no-such-command").returncode, 127)
        self.assertEqual(self.weir_lock(locker, "run", "a", "--", "/etc/passwd").returncode, 126)
        self.assertEqual(locker.holders("a"), [])

    def test_a_wrong_command_line_is_told_with_64(self):
        locker = self.locker()
        for arguments, words in (([], "no command"), (["rum"], "did you mean run?"), (["run", "a"], 'behind "--"'),
                                 (["run", "--", "true"], "no lock is named"), (["run", "a", "b", "--", "true"], "too much"),
                                 (["run", "--tiemout", "1s", "a", "--", "true"], "did you mean --timeout?"),
                                 (["run", "-s", "--permits", "2", "a", "--", "true"], "exclude each other"),
                                 (["run", "-w", "soon", "a", "--", "true"], "not a duration"),
                                 (["run", "-w", "1.2.3", "a", "--", "true"], "no number of seconds"),
                                 (["release", "a"], "--session"), (["wait", "a", "--", "true"], "runs no command"),
                                 (["run", "a//b", "--", "true"], "//"), (["elect", "a,b", "--", "true"], "one name"),
                                 (["--server", "ftp://x", "ls"], "is no server"), (["ls", "--token-file", "none"], "none")):
            ended = self.weir_lock(locker, *arguments)
            self.assertEqual((ended.returncode, ended.stdout), (64, ""), arguments)
            self.assertIn(words, ended.stderr)

    def test_a_server_that_cannot_be_reached_is_told_with_69(self):
        url = f"http://127.0.0.1:{free_port()}"
        for arguments in (["run", "a", "--", "true"], ["try", "a"], ["ls"], ["watch"], ["wait", "a"],
                          ["release", "a", "--session", "1"]):
            ended = self.weir_lock(url, *arguments)
            self.assertEqual(ended.returncode, 69, arguments)
            self.assertIn(f"no answer from the lock server at {url}: connecting: Connection refused", ended.stderr)
            self.assertIn("see --server", ended.stderr)

    def test_help_and_version_come_without_a_server(self):
        for arguments in (["--help"], ["run", "--help"], ["watch", "--help"], ["--version"]):
            ended = self.weir_lock("http://127.0.0.1:1", *arguments)
            self.assertEqual((ended.returncode, ended.stderr), (0, ""))
            self.assertIn("weir-lock", ended.stdout)


class Pipelines(Case):
    def test_input_and_output_are_the_commands_own(self):
        locker = self.locker()
        script = f"echo x | {LOCK} run a -- cat | wc -c"
        ended = subprocess.run(script, shell=True, capture_output=True, text=True, timeout=PATIENCE,
                               env={**os.environ, **self.environment(locker)})
        self.assertEqual((ended.stdout.strip(), ended.stderr, ended.returncode), ("2", "", 0))

    def test_megabytes_pass_untouched(self):
        locker = self.locker()
        data = os.urandom(3 << 20)
        ended = subprocess.run([LOCK, "run", "a", "--", "cat"], input=data, capture_output=True, timeout=PATIENCE,
                               env={**os.environ, **self.environment(locker)})
        self.assertEqual((ended.stdout == data, ended.stderr, ended.returncode), (True, b"", 0))

    def test_open_descriptors_of_ours_do_not_reach_the_command_and_those_of_the_caller_do(self):
        locker = self.locker()
        read_end, write_end = os.pipe()
        try:
            ended = self.weir_lock(locker, "run", "a", "--", "ls", "/proc/self/fd", pass_fds=[write_end])
        finally:
            os.close(read_end)
            os.close(write_end)
        descriptors = {int(number) for number in ended.stdout.split()}
        self.assertLessEqual({0, 1, 2, write_end}, descriptors)
        self.assertEqual(len(descriptors - {0, 1, 2, write_end}), 1, "that of ls itself")

    def test_closed_descriptors_stay_closed_and_get_no_words_of_ours(self):
        locker = self.locker()
        script = f"{LOCK} run -v a -- ls /proc/self/fd >told 2>&- <&-; {LOCK} run a -- sh -c 'exit 5' >&- 2>&- <&-; echo $?"
        ended = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=PATIENCE, cwd=self.directory,
                               env={**os.environ, **self.environment(locker)})
        self.assertEqual((ended.stdout, ended.stderr), ("5\n", ""))
        self.assertEqual(len(self.wait_for_text("told").split()), 2, "its output, and what ls reads")

    def test_a_reader_that_leaves_ends_it_quietly(self):
        locker = self.locker()
        for number in range(2000):
            locker.api("POST", "/v1/locks", {"ttl": "60s", "names": [f"many/{number}"]})
        script = f"set -o pipefail; {LOCK} ls | head -n 1 >/dev/null; echo $?"
        ended = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=PATIENCE,
                               env={**os.environ, **self.environment(locker)})
        self.assertEqual((ended.stdout, ended.stderr), ("0\n", ""))

    def test_signals_that_were_ignored_stay_so_and_sigpipe_does_not(self):
        locker = self.locker()
        script = f"trap '' HUP; exec {LOCK} run a -- grep -E 'SigIgn|SigBlk' /proc/self/status"
        ended = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=PATIENCE,
                               env={**os.environ, **self.environment(locker)}, restore_signals=True)
        masks = dict(line.split() for line in ended.stdout.splitlines())
        self.assertEqual(int(masks["SigIgn:"], 16), 1 << (signal.SIGHUP - 1))
        self.assertEqual(int(masks["SigBlk:"], 16), 0)


class Exclusion(Case):
    def test_two_runs_never_overlap(self):
        locker = self.locker()
        script = 'for i in 1 2 3 4 5; do mkdir busy && rmdir busy || exit 9; done'
        loop = f"for n in 1 2 3 4 5; do {LOCK} run a -- sh -c '{script}' || exit 9; done"
        running = [self.keep(harness.Process(["sh", "-c", loop], self.directory, env=self.environment(locker)))
                   for _ in range(6)]
        self.assertEqual([one.wait() for one in running], [0] * 6, [one.err() for one in running])

    def test_the_token_grows_and_name_and_session_come_with_it(self):
        locker = self.locker()
        tell = ["run", "a", "--name", "b", "--", "sh", "-c", 'echo "$WEIR_LOCK_TOKEN $WEIR_LOCK_NAME $WEIR_LOCK_SESSION"']
        seen = [self.weir_lock(locker, *tell).stdout.split() for _ in range(5)]
        tokens = [int(token) for token, _, _ in seen]
        self.assertEqual(tokens, sorted(set(tokens)))
        self.assertEqual({name for _, name, _ in seen}, {"a,b"})
        self.assertEqual(len({session for _, _, session in seen}), 5)

    def test_the_token_is_that_of_the_holder(self):
        locker = self.locker()
        self.start_lock(locker, "run", "a", "--reason", "why not", "--", "sh", "-c", "echo $WEIR_LOCK_TOKEN > token; sleep 1000")
        holder = locker.wait_for_holder("a")
        self.assertEqual(int(self.wait_for_text("token")), holder["token"])
        self.assertEqual((holder["reason"], holder["host"]), ("why not", os.uname().nodename))

    def test_who_waits_comes_in_turn(self):
        locker = self.locker()
        first = self.start_lock(locker, "run", "a", "--", *sleeper("first"))
        self.wait_for_text("first")
        waiting = []
        for number in range(3):
            waiting.append(self.start_lock(locker, "run", "a", "--", "sh", "-c", f"echo {number} >> order"))
            locker.wait_for_waiter("a", number + 1)
        first.stop()
        for one in waiting:
            self.assertEqual(one.wait(), 0)
        with open(self.path("order"), encoding="ascii") as order:
            self.assertEqual(order.read().split(), ["0", "1", "2"])

    def test_several_names_are_taken_together_or_not_at_all(self):
        locker = self.locker()
        holder = self.start_lock(locker, "run", "b", "--", *sleeper("b"))
        self.wait_for_text("b")
        self.assertEqual(self.weir_lock(locker, "run", "-n", "a,b", "--", "true").returncode, 1)
        self.assertEqual(locker.lock("a")["holders"], [])
        holder.stop()
        self.assertEqual(self.weir_lock(locker, "run", "a,b", "--", "true").returncode, 0)

    def test_who_shares_runs_together_and_who_does_not_alone(self):
        locker = self.locker()
        for name in ("one", "two"):
            self.start_lock(locker, "run", "--shared", "a", "--", *sleeper(name))
            self.wait_for_text(name)
        self.assertEqual(len(locker.holders("a")), 2)
        self.assertEqual(self.weir_lock(locker, "run", "-n", "a", "--", "true").returncode, 1)
        self.assertEqual(self.weir_lock(locker, "run", "-n", "-s", "a", "--", "true").returncode, 0)

    def test_a_semaphore_has_as_many_places_as_permits(self):
        locker = self.locker()
        for name in ("one", "two"):
            self.start_lock(locker, "run", "--permits", "2", "a", "--", *sleeper(name))
            self.wait_for_text(name)
        self.assertEqual(self.weir_lock(locker, "run", "-n", "--permits", "2", "a", "--", "true").returncode, 1)
        other = self.weir_lock(locker, "run", "-n", "--permits", "3", "a", "--", "true")
        self.assertEqual(other.returncode, 1)
        self.assertIn("has 2 permits, not 3", other.stderr)


class Patience(Case):
    def setUp(self):
        super().setUp()
        self.locked = self.locker()
        self.start_lock(self.locked, "run", "a", "--", *sleeper("holder"))
        self.wait_for_text("holder")

    def test_at_once_or_not_at_all(self):
        for arguments in (["run", "-n", "a", "--", "true"], ["run", "--nonblock", "a", "--", "true"],
                          ["try", "a", "--", "true"], ["try", "a"]):
            ended = self.weir_lock(self.locked, *arguments)
            self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (1, "", ""), arguments)
        self.assertEqual(self.locked.waiters("a"), [])

    def test_the_status_of_a_conflict_can_be_chosen(self):
        for arguments in (["run", "-n", "-E", "42", "a", "--", "true"], ["try", "-E", "42", "a"],
                          ["run", "-w", "0.05", "--conflict-exit-code", "42", "a", "--", "true"],
                          ["wait", "-w", "50ms", "-E", "42", "a"]):
            self.assertEqual(self.weir_lock(self.locked, *arguments).returncode, 42, arguments)

    def test_a_time_out_ends_the_wait_and_leaves_nothing(self):
        began = time.monotonic()
        ended = self.weir_lock(self.locked, "run", "-v", "-w", "300ms", "a", "--", "touch", "ran")
        self.assertEqual(ended.returncode, 1)
        self.assertIn("held by others", ended.stderr)
        self.assertGreaterEqual(time.monotonic() - began, 0.3)
        self.assertEqual(self.locked.waiters("a"), [])
        self.assertFalse(os.path.exists(self.path("ran")))

    def test_who_is_waited_for_is_told_to_who_asks(self):
        waiting = self.start_lock(self.locked, "run", "-v", "a", "--", "true")
        until(lambda: "waiting for a, held by " + os.uname().nodename in waiting.err(), "who holds it")
        self.assertEqual(waiting.out(), "")


class Losses(Case):
    """What ends the command: it exits with 75 then."""

    def test_a_server_that_is_gone_for_a_lease_ends_the_command(self):
        locker = self.locker()
        running = self.start_lock(locker, "run", "--ttl", "1s", "--kill-after", "300ms", "a", "--", "sh", "-c",
                                  'trap "echo asked > asked; exit 0" TERM; echo > ready; while :; do sleep 0.05; done')
        self.wait_until_there("ready")
        locker.process.kill()
        killed = time.monotonic()
        self.assertEqual(running.wait(), 75)
        self.assertEqual(self.wait_for_text("asked"), "asked")
        self.assertGreaterEqual(time.monotonic() - killed, 0.3, "what is left of a lease at least")
        self.assertIn("the server could not be reached for so long that the lease may have ended", running.err())

    def test_what_does_not_end_when_asked_is_killed_with_all_that_came_of_it(self):
        locker = self.locker()
        script = ('trap "" TERM; (trap "" TERM; setsid sleep 1000 & echo $! > deep) & '
                  'echo $$ > command; while :; do sleep 0.05; done')
        running = self.start_lock(locker, "run", "--kill-after", "200ms", "a", "--", "sh", "-c", script)
        pids = [int(self.wait_for_text(name)) for name in ("deep", "command")]
        locker.force("a", locker.wait_for_holder("a")["token"])
        self.assertEqual(running.wait(), 75)
        self.assertEqual([pid for pid in pids if is_alive(pid)], [])
        self.assertIn("killing it", running.err())

    def test_a_lock_that_is_taken_away_ends_the_command_at_once(self):
        locker = self.locker()
        running = self.start_lock(locker, "run", "--ttl", "1h", "a,b/c", "--", *sleeper("pid"))
        pid = int(self.wait_for_text("pid"))
        locker.force("b/c", locker.wait_for_holder("b/c")["token"])
        self.assertEqual(running.wait(), 75)
        self.assertFalse(is_alive(pid))
        self.assertIn("it was taken away", running.err())
        self.assertEqual(locker.holders("a"), [])

    def test_a_session_that_has_ended_ends_the_command(self):
        locker = self.locker()
        running = self.start_lock(locker, "run", "--ttl", "1h", "a", "--", *sleeper("pid"))
        session = locker.wait_for_holder("a")["session"]
        self.wait_for_text("pid")
        self.assertEqual(locker.api("DELETE", "/v1/sessions/" + session)[0], 200)
        self.assertEqual(running.wait(), 75)

    def test_a_process_that_was_stopped_for_too_long_knows_that_it_has_lost(self):
        locker = self.locker()
        running = self.start_lock(locker, "run", "--ttl", "500ms", "a", "--", *sleeper("pid"))
        pid = int(self.wait_for_text("pid"))
        running.signal(signal.SIGSTOP)
        locker.wait_until_free("a")
        running.signal(signal.SIGCONT)
        self.assertEqual(running.wait(), 75)
        self.assertFalse(is_alive(pid))

    def test_a_server_that_forgets_its_sessions_ends_the_command(self):
        port = free_port()
        locker = self.locker(listen=f"127.0.0.1:{port}")
        running = self.start_lock(locker, "run", "--ttl", "3s", "a", "--", *sleeper("pid"))
        self.wait_for_text("pid")
        locker.stop()
        self.locker(listen=f"127.0.0.1:{port}")
        self.assertEqual(running.wait(), 75)
        self.assertIn("the session has expired", running.err())

    def test_a_command_that_outlives_us_is_asked_to_end(self):
        locker = self.locker()
        running = self.start_lock(locker, "run", "a", "--", *sleeper("pid"))
        pid = int(self.wait_for_text("pid"))
        running.signal(signal.SIGKILL)
        until(lambda: not is_alive(pid), "the command to end")

    def test_a_lease_is_kept_for_as_long_as_the_command_runs(self):
        locker = self.locker()
        running = self.start_lock(locker, "run", "--ttl", "300ms", "a", "--", "sleep", "1.5")
        token = locker.wait_for_holder("a")["token"]
        self.assertEqual(running.wait(), 0, running.err())
        self.assertGreater(int(self.weir_lock(locker, "run", "a", "--", "printenv", "WEIR_LOCK_TOKEN").stdout), token)


class Restarts(Case):
    """A server that comes back, with what it knew."""

    def start(self, port):
        return self.locker(store="file:" + self.path("state"), listen=f"127.0.0.1:{port}")

    def test_a_restart_is_ridden_out_by_who_holds_the_lock(self):
        for end in (lambda locker: locker.stop(), lambda locker: (locker.process.kill(), locker.process.wait())):
            port = free_port()
            locker = self.start(port)
            running = self.start_lock(locker, "run", "--ttl", "6s", "a", "--", *sleeper("pid"))
            pid = int(self.wait_for_text("pid"))
            session = locker.wait_for_holder("a")["session"]
            end(locker)
            locker = self.start(port)
            left = lambda: locker.api("GET", "/v1/sessions/" + session)[1]["left_ms"]
            before = left()
            until(lambda: left() > before, "a sign of life")
            self.assertTrue(running.is_running() and is_alive(pid))
            os.kill(pid, signal.SIGTERM)
            self.assertEqual(running.wait(), 128 + signal.SIGTERM)
            self.assertEqual((locker.holders("a"), running.err()), ([], ""))
            locker.stop()
            os.remove(self.path("pid"))

    def test_a_restart_is_ridden_out_by_who_waits(self):
        for end in (lambda locker: locker.stop(), lambda locker: (locker.process.kill(), locker.process.wait())):
            port = free_port()
            locker = self.start(port)
            holder = self.start_lock(locker, "run", "--ttl", "6s", "a", "--", *sleeper("pid"))
            pid = int(self.wait_for_text("pid"))
            waiting = self.start_lock(locker, "run", "--ttl", "6s", "a", "--", "echo", "mine")
            follower = self.start_lock(locker, "wait", "a")
            locker.wait_for_waiter("a")
            end(locker)
            locker = self.start(port)
            locker.wait_for_waiter("a")
            os.kill(pid, signal.SIGTERM)
            holder.wait()
            self.assertEqual((waiting.wait(), waiting.out()), (0, "mine\n"), waiting.err())
            self.assertEqual(follower.wait(), 0, follower.err())
            locker.stop()
            os.remove(self.path("pid"))

    def test_nothing_overlaps_while_the_server_is_killed_again_and_again(self):
        port = free_port()
        locker = self.start(port)
        busy = "flock -n -E 9 busy sleep 0.05"  # released by the kernel, whatever ends it
        loop = (f'for n in 1 2 3 4 5 6 7 8; do {LOCK} run --ttl 1500ms --kill-after 200ms a -- {busy}; echo $?; done')
        running = [self.keep(harness.Process(["sh", "-c", loop], self.directory, env=self.environment(locker)))
                   for _ in range(4)]
        for count in (3, 9, 15):
            until(lambda: sum(len(one.out().splitlines()) for one in running) >= count, f"{count} runs")
            locker.process.kill()
            locker.process.wait()
            locker = self.start(port)
        for one in running:
            one.wait()
            statuses = one.out().split()
            self.assertEqual((len(statuses), set(statuses) - {"0", "69", "75"}), (8, set()), one.err())

    def test_who_waits_gives_up_when_the_server_stays_away(self):
        locker = self.locker()
        self.start_lock(locker, "run", "a", "--", *sleeper("pid"))
        self.wait_for_text("pid")
        waiting = self.start_lock(locker, "run", "--ttl", "500ms", "a", "--", "true")
        locker.wait_for_waiter("a")
        locker.process.kill()
        self.assertEqual(waiting.wait(), 69, waiting.err())

    def test_a_lock_that_cannot_be_given_back_is_told_and_changes_no_status(self):
        locker = self.locker()
        running = self.start_lock(locker, "run", "a", "--", "sh", "-c", 'echo > ready; while [ ! -e go ]; do sleep 0.05; done; exit 3')
        self.wait_until_there("ready")
        locker.process.kill()
        locker.process.wait()
        open(self.path("go"), "w").close()
        self.assertEqual(running.wait(), 3)
        self.assertIn("could not be given back", running.err())


class Signals(Case):
    def test_they_are_forwarded_to_the_command(self):
        locker = self.locker()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            running = self.start_lock(locker, "run", "a", "--", "sh", "-c",
                                      f'trap "exit 40" {number.name[3:]}; echo > ready; while :; do sleep 0.05; done')
            self.wait_until_there("ready")
            running.signal(number)
            self.assertEqual(running.wait(), 40)
            self.assertEqual(locker.holders("a"), [])
            os.remove(self.path("ready"))

    def test_who_is_ended_by_one_shows_it_when_the_command_did(self):
        locker = self.locker()
        running = self.start_lock(locker, "run", "a", "--", *sleeper("pid"))
        self.wait_for_text("pid")
        running.signal(signal.SIGINT)
        self.assertEqual(running.wait(), -signal.SIGINT)
        self.assertEqual(locker.holders("a"), [])

    def test_who_waits_leaves_the_queue(self):
        locker = self.locker()
        self.start_lock(locker, "run", "a", "--", *sleeper("pid"))
        self.wait_for_text("pid")
        waiting = self.start_lock(locker, "run", "a", "--", "true")
        locker.wait_for_waiter("a")
        waiting.signal(signal.SIGTERM)
        self.assertEqual(waiting.wait(), -signal.SIGTERM)
        self.assertEqual(locker.waiters("a"), [])
        self.assertEqual(len(locker.api("GET", "/v1/sessions")[1]["sessions"]), 1)

    def test_an_interrupt_from_the_terminal_reaches_the_command_once(self):
        locker = self.locker()
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.directory)
            os.environ.update(self.environment(locker))
            os.execv(LOCK, [LOCK, "run", "a", "--", sys.executable, "-c", COUNTS_INTERRUPTS])
        try:
            self.wait_until_there("ready")
            for number in range(1, 11):  # two at once might look like one, but not each time
                os.write(terminal, b"\x03")
                until(lambda: self.interrupts() >= number, "an interrupt")
            os.kill(pid, signal.SIGUSR1)
            self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
            self.assertEqual(self.interrupts(), 10)
        finally:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            os.close(terminal)

    def interrupts(self):
        try:
            with open(self.path("interrupts"), encoding="ascii") as file:
                return len(file.readlines())
        except FileNotFoundError:
            return 0


class Pieces(Case):
    """Without a command."""

    def test_a_lock_is_taken_in_one_step_and_given_back_in_another(self):
        locker = self.locker()
        taken = json.loads(self.weir_lock(locker, "try", "a", "--reason", "in steps").stdout)
        holder = locker.holders("a")[0]
        self.assertEqual(taken, {"name": "a", "token": holder["token"], "session": holder["session"]})
        self.assertEqual(holder["reason"], "in steps")
        other = self.weir_lock(locker, "release", "a", "--session", "1")
        self.assertEqual(other.returncode, 1)
        self.assertIn("not held by this session", other.stderr)
        self.assertEqual(self.weir_lock(locker, "release", "a", "--session", taken["session"]).returncode, 0)
        self.assertEqual(locker.holders("a"), [])

    def test_it_is_free_when_its_time_is_over(self):
        locker = self.locker()
        self.assertEqual(self.weir_lock(locker, "try", "a,b", "--ttl", "200ms").returncode, 0)
        self.assertEqual(self.weir_lock(locker, "wait", "b").returncode, 0)
        self.assertEqual(locker.holders("a"), [])

    def test_waiting_ends_when_nobody_holds_it(self):
        locker = self.locker()
        self.assertEqual(self.weir_lock(locker, "wait", "a").returncode, 0)
        holder = self.start_lock(locker, "run", "a", "--", *sleeper("pid"))
        self.wait_for_text("pid")
        waiting = self.start_lock(locker, "wait", "a")
        self.assertEqual(self.weir_lock(locker, "wait", "-w", "100ms", "a").returncode, 1)
        self.assertTrue(waiting.is_running())
        holder.stop()
        self.assertEqual(waiting.wait(), 0)

    def test_locks_are_listed_one_a_line(self):
        locker = self.locker()
        for name in ("jobs/a", "jobs/b", "other"):
            self.weir_lock(locker, "try", name, "--ttl", "60s")
        listed = [json.loads(line) for line in self.weir_lock(locker, "ls", "jobs/").stdout.splitlines()]
        self.assertEqual([lock["name"] for lock in listed], ["jobs/a", "jobs/b"])
        self.assertEqual([len(lock["holders"]) for lock in listed], [1, 1])
        self.assertEqual(len(self.weir_lock(locker, "ls").stdout.splitlines()), 3)
        self.assertEqual(self.weir_lock(locker, "ls", "nothing").stdout, "")

    def test_what_holders_say_cannot_drive_the_terminal_of_who_waits(self):
        locker = self.locker()
        self.weir_lock(locker, "try", "a", "--reason", "red \x1b[31m", "--ttl", "60s")
        waiting = self.start_lock(locker, "run", "-v", "a", "--", "true")
        waiting.wait_for_log("red ?[31m")

    def test_on_a_terminal_they_are_a_table_that_cannot_drive_it(self):
        locker = self.locker()
        self.weir_lock(locker, "try", "a", "--reason", "red \x1b[31m \u009b", "--ttl", "60s")
        for variables, coloured in (({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)):
            shown = self.on_a_terminal(locker, variables, "ls")
            self.assertEqual("\x1b[1mLOCK" in shown, coloured)
            self.assertIn("red ?[31m ?", shown)
            self.assertRegex(shown, r"LOCK +MODE +TOKEN +SINCE +WAITING +HELD BY")
            self.assertRegex(shown, r"a +exclusive +\d+ +\S+Z +0 +\S+ pid \d+: red")
        self.assertEqual(json.loads(self.on_a_terminal(locker, {}, "ls", "--json"))["name"], "a")

    def on_a_terminal(self, locker, variables, *arguments):
        ours, theirs = pty.openpty()
        subprocess.run([LOCK, *arguments], stdout=theirs, timeout=PATIENCE, check=True,
                       env={**os.environ, "TERM": "xterm", **self.environment(locker), **variables})
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:  # the other side is closed
            pass
        os.close(ours)
        return shown.decode()

    def test_events_are_followed_line_by_line(self):
        locker = self.locker()
        watching = self.start_lock(locker, "watch", "jobs/")
        def ask():
            self.weir_lock(locker, "run", "jobs/first", "--", "true")
            return watching.out()
        until(ask, "the stream to begin")
        self.weir_lock(locker, "run", "other", "--", "true")
        self.weir_lock(locker, "try", "jobs/last", "--ttl", "200ms")
        until(lambda: '"expired"' in watching.out(), "the end of a lease")
        events = [json.loads(line) for line in watching.out().splitlines()]
        self.assertEqual([event["event"] for event in events if event["lock"] == "jobs/last"],
                         ["claimed", "granted", "expired"])
        self.assertEqual({event["lock"] for event in events}, {"jobs/first", "jobs/last"})

    def test_a_stream_that_was_cut_goes_on(self):
        port = free_port()
        locker = self.locker(listen=f"127.0.0.1:{port}")
        watching = self.start_lock(locker, "watch")
        until(lambda: self.weir_lock(locker, "run", "a", "--", "true") and watching.out(), "the stream to begin")
        locker.stop()
        locker = self.locker(listen=f"127.0.0.1:{port}")
        watching.wait_for_log("following again")
        self.weir_lock(locker, "run", "b", "--", "true")
        until(lambda: '"lock":"b"' in watching.out(), "an event of the new server")

    def test_a_follower_ends_quietly_when_nobody_reads_it(self):
        locker = self.locker()
        script = f"set -o pipefail; {LOCK} watch | head -n 1 >/dev/null; echo $? > ended"
        pipeline = self.keep(harness.Process(["bash", "-c", script], self.directory, env=self.environment(locker)))
        until(lambda: self.weir_lock(locker, "run", "a", "--", "true") and not pipeline.is_running(), "the pipeline to end")
        self.assertEqual((self.wait_for_text("ended"), pipeline.err()), ("0", ""))


class Elections(Case):
    def test_one_leads_and_the_next_follows(self):
        locker = self.locker()
        lead = lambda name, *more: self.start_lock(locker, "elect", "boss", "--text", name, *more, "--", *sleeper(name))
        first = lead("one")
        self.wait_for_text("one")
        lead("two")
        locker.wait_for_waiter("boss")
        self.assertEqual([holder["text"] for holder in locker.holders("boss")], ["one"])
        self.assertFalse(os.path.exists(self.path("two")))
        first.stop()
        self.wait_for_text("two")
        self.assertEqual([holder["text"] for holder in locker.holders("boss")], ["two"])

    def test_who_has_lost_ends_or_stands_again(self):
        locker = self.locker()
        for more in ([], ["--again"]):
            running = self.start_lock(locker, "elect", "boss", *more, "--", "sh", "-c", "echo $WEIR_LOCK_TOKEN > token; exec sleep 1000")
            token = int(self.wait_for_text("token"))
            os.remove(self.path("token"))
            locker.force("boss", token)
            if more:
                self.assertGreater(int(self.wait_for_text("token")), token)
                self.assertIn("standing for election again", running.err())
                running.signal(signal.SIGTERM)
                self.assertEqual(running.wait(), -signal.SIGTERM)
            else:
                self.assertEqual(running.wait(), 75)

    def test_who_stands_again_waits_for_a_server_that_is_away_for_long(self):
        port = free_port()
        locker = self.locker(listen=f"127.0.0.1:{port}")
        running = self.start_lock(locker, "elect", "boss", "--again", "--ttl", "300ms", "--kill-after", "100ms", "--",
                                  "sh", "-c", "echo $WEIR_LOCK_SESSION > session; exec sleep 1000")
        session = self.wait_for_text("session")
        os.remove(self.path("session"))
        locker.stop()
        running.wait_for_log("could not be given back")
        self.locker(listen=f"127.0.0.1:{port}")
        self.assertNotEqual(self.wait_for_text("session"), session)

    def test_a_command_that_cannot_be_run_again_ends_the_candidacy(self):
        locker = self.locker()
        command = self.path("command")
        with open(command, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\necho > started\nexec sleep 1000\n")
        os.chmod(command, 0o755)
        running = self.start_lock(locker, "elect", "boss", "--again", "--", command)
        self.wait_until_there("started")
        os.remove(command)
        locker.force("boss", locker.wait_for_holder("boss")["token"])
        self.assertEqual(running.wait(), 127)

    def test_a_command_that_ends_by_itself_ends_the_candidacy(self):
        locker = self.locker()
        self.assertEqual(self.weir_lock(locker, "elect", "boss", "--again", "--", "sh", "-c", "exit 3").returncode, 3)


class Servers(Case):
    """How it is reached."""

    def test_through_a_unix_socket(self):
        locker = self.locker(listen="unix:" + self.path("socket"))
        ended = self.weir_lock("unix:" + self.path("socket"), "run", "a", "--", "echo", "fine")
        self.assertEqual((ended.stdout, ended.stderr, locker.is_running()), ("fine\n", "", True))

    def test_by_a_name(self):
        locker = self.locker()
        ended = self.weir_lock(f"http://localhost:{locker.port}/", "run", "a", "--", "echo", "fine")
        self.assertEqual((ended.stdout, ended.stderr), ("fine\n", ""))

    def test_with_a_token_from_a_file_or_the_environment(self):
        locker = self.locker(more='[http]\ntoken = "s3cret"')
        with open(self.path("token"), "w", encoding="ascii") as file:
            file.write("s3cret\n")
        run = ["run", "a", "--", "true"]
        self.assertEqual(self.weir_lock(locker, *run, env={"WEIR_LOCK_SERVER_TOKEN": "s3cret"}).returncode, 0)
        self.assertEqual(self.weir_lock(locker, *run, env={"WEIR_LOCK_SERVER_TOKEN_FILE": self.path("token")}).returncode, 0)
        self.assertEqual(self.weir_lock(locker, "--token-file", self.path("token"), *run).returncode, 0)
        for arguments in (run, ["ls"], ["watch"], ["try", "a"]):
            refused = self.weir_lock(locker, *arguments, env={"WEIR_LOCK_SERVER_TOKEN": "guess"})
            self.assertEqual(refused.returncode, 77)
            self.assertIn("a token is wanted", refused.stderr)

    def test_over_tls(self):
        authority = Authority(self.directory)
        certificate = authority.issue("localhost", "127.0.0.1")
        locker = self.locker(more=f'[http]\ntls.certificates = [{{ certificate = "{certificate.chain}", key = "{certificate.key}" }}]')
        url = f"https://localhost:{locker.port}"
        ended = self.weir_lock(url, "--ca-file", authority.chain, "run", "a", "--", "echo", "fine")
        self.assertEqual((ended.stdout, ended.stderr), ("fine\n", ""))
        distrusted = self.weir_lock(url, "run", "a", "--", "true")
        self.assertEqual(distrusted.returncode, 69)

    def test_names_of_all_kinds_arrive(self):
        locker = self.locker()
        for name in ("deep/er/name", "ümlaut", "a+b&c=d?e#f", "100%", "a;b"):
            taken = json.loads(self.weir_lock(locker, "try", "--name", name, "--ttl", "60s").stdout)
            self.assertEqual(taken["name"], name)
            self.assertEqual(self.weir_lock(locker, "wait", "--name", name, "-w", "10ms").returncode, 1, name)
            self.assertEqual(self.weir_lock(locker, "release", "--name", name, "--session", taken["session"]).returncode, 0)


if __name__ == "__main__":
    harness.main()
