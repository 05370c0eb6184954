"""Certificates for tests, made by the openssl command: P-256 keys, which take milliseconds."""

import os
import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def alternative_names(names):
    """`names` are host names and addresses, as they stand in a certificate."""
    is_address = lambda name: ":" in name or name.replace(".", "").isdigit()
    return "subjectAltName=" + ",".join(("IP:" if is_address(name) else "DNS:") + name for name in names)


class Certificate:
    """Two PEM files. `chain` has the certificate first and then those that lead to its authority's."""

    def __init__(self, directory, name):
        self.chain = os.path.join(directory, name + ".pem")
        self.key = os.path.join(directory, name + ".key")

    def replace_with(self, other):
        """Puts another certificate where this one is, each file in one step, as certbot and its like do."""
        for ours, theirs in ((self.key, other.key), (self.chain, other.chain)):
            with open(theirs, "rb") as source, open(ours + ".new", "wb") as target:
                target.write(source.read())
            os.replace(ours + ".new", ours)


class Authority(Certificate):
    """Signs certificates; clients trust its `chain`."""

    def __init__(self, directory, name="authority"):
        super().__init__(directory, name)
        self.directory = directory
        openssl("req", "-x509", *NEW_KEY, "-subj", f"/CN={name}", "-days", "2", "-keyout", self.key, "-out", self.chain)

    def issue(self, *names, file=None, days=2):
        """For a server, or for a client whose name is the first; negative days have passed."""
        certificate = Certificate(self.directory, file or names[0].replace("*", "_"))
        request, extensions = certificate.chain + ".csr", certificate.chain + ".ext"
        openssl("req", *NEW_KEY, "-subj", f"/CN={names[0]}", "-keyout", certificate.key, "-out", request)
        with open(extensions, "w") as text:
            text.write(alternative_names(names) + "\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n")
        openssl("x509", "-req", "-in", request, "-CA", self.chain, "-CAkey", self.key, "-CAcreateserial",
                "-days", str(days), "-extfile", extensions, "-out", certificate.chain)
        return certificate


def self_signed(directory, *names, file="self-signed"):
    certificate = Certificate(directory, file)
    openssl("req", "-x509", *NEW_KEY, "-subj", f"/CN={names[0]}", "-addext", alternative_names(names), "-days", "2",
            "-keyout", certificate.key, "-out", certificate.chain)
    return certificate


NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
