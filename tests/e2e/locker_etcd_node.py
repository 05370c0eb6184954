"""weir-locker's etcd door with npm's etcd3 as it is."""


import etcd_clients
import harness
import locking
from etcd_clients import Etcdctl


class Etcd3(locking.Case):
    def run_part(self, part, locker=None):
        locker = locker or self.locker()
        return etcd_clients.node("etcd3_client.js", f"127.0.0.1:{locker.etcd_port}", part)

    def test_locks(self):
        self.assertEqual(self.run_part("locks"), ["EtcdLockFailedError", "done"])

    def test_elections(self):
        self.assertEqual(self.run_part("elections"), ["leader one", "observed one", "observed uno false", "leader two",
                                                      "leader undefined"])

    def test_leases(self):
        self.assertEqual(self.run_part("leases"), ["v", "null", "true", "EtcdLeaseInvalidError"])

    def test_watches(self):
        self.assertEqual(self.run_part("watches"), ["a/1=x null, a/1=y x, a/1 gone y", "b/1=z null", "b/2=still null"])

    def test_keys(self):
        self.assertEqual(self.run_part("keys"), ["true false mine", "600", "many/99 many/98", "65536", "inside 603"])

    def test_a_lock_that_etcdctl_holds_is_held(self):
        locker = self.locker()
        etcdctl = Etcdctl(self, locker.etcd_port)
        etcdctl("put", "job", "taken")
        with self.assertRaisesRegex(AssertionError, "EtcdLockFailedError: Failed to acquire a lock on job"):
            self.run_part("locks", locker)


if __name__ == "__main__":
    harness.main()
