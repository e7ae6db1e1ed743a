"""An authority of a test's own, and the certificates that it signs.

    a = Authority(folder)
    node = a.certificate("node")                    for localhost and 127.0.0.1, of today and tomorrow
    old = a.certificate("old", expired=True)        ended long ago
    t.node(settings={**a.server(node), ...})        tls-* settings; a.client(node) is an ssl.SSLContext
"""
import os
import ssl
import subprocess

HERE = "DNS:localhost,IP:127.0.0.1"
PAST = ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"]

CONFIGURATION = """
[ca]
default_ca = test
[test]
new_certs_dir = .
database = index
serial = serial
default_md = sha256
default_days = 2
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
"""


class Authority:
    def __init__(self, folder, name="ca"):
        self.folder = os.path.join(folder, name)
        os.makedirs(self.folder)
        self.write("conf", CONFIGURATION)
        self.write("index", "")
        self.write("serial", "1000\n")
        self.openssl("req", "-x509", *self.key("ca"), "-days", "2", "-subj", "/CN=test %s" % name, "-out", "ca.crt")
        self.ca = os.path.join(self.folder, "ca.crt")

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as f:
            f.write(text)

    def openssl(self, *words):
        subprocess.run(["openssl"] + list(words), cwd=self.folder, check=True, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT)

    @staticmethod
    def key(name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", name + ".key"]

    def certificate(self, name, common=None, alternatives=HERE, expired=False, days=2):
        """(path of the certificate, path of its key); the same name again replaces both."""
        more = ["-addext", "subjectAltName=" + alternatives] if alternatives else []
        self.openssl("req", *self.key(name), "-subj", "/CN=" + (common or name), *more, "-out", name + ".csr")
        self.openssl("ca", "-batch", "-notext", "-config", "conf", "-cert", "ca.crt", "-keyfile", "ca.key", "-in",
                     name + ".csr", "-out", name + ".crt", *(PAST if expired else ["-days", str(days)]))
        return tuple(os.path.join(self.folder, name + end) for end in (".crt", ".key"))

    def server(self, pair, clients="yes", replication="yes"):
        return {"tls-ca-cert-file": self.ca, "tls-cert-file": pair[0], "tls-key-file": pair[1],
                "tls-auth-clients": clients, "tls-replication": replication}

    def client(self, pair=None):
        context = ssl.create_default_context(cafile=self.ca)
        if pair:
            context.load_cert_chain(*pair)
        return context

    def words(self, pair=None):
        """As redis-cli takes them."""
        return ["--tls", "--cacert", self.ca] + (["--cert", pair[0], "--key", pair[1]] if pair else [])


def serial_of(path):
    done = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-serial"], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip().partition("=")[2]
