"""deploy/kubernetes and deploy/container: manifests that fit the schemas of their kinds and each other, and whose configuration makes
a group, with network namespaces as pods: first start, probes, preStop, a pod that lost its disk."""
import base64
import json
import os
import re
import shutil
import subprocess

from harness import Skip
from harness.apps import NPM_LIMIT, needs, npm_install
from harness.case import limit
from harness.process import ROOT, _die_with_parent, binary
from harness.resp import Client, info
from harness.wait import until
from harness.web import ask

KUBERNETES = os.path.join(ROOT, "deploy", "kubernetes")
CONTAINER = os.path.join(ROOT, "deploy", "container")
FOLDER = os.path.join(ROOT, "tests", "deploy")
FILES = ["services.yaml", "nodes.yaml", "sentinels.yaml", "policies.yaml", "secrets.example.yaml"]


def node_js(*words, cwd=KUBERNETES):
    needs("node", "npm")
    npm_install(FOLDER, 200)
    return subprocess.run(["node", os.path.join(FOLDER, "validate.mjs"), *words], cwd=cwd, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)


def version():
    with open(os.path.join(ROOT, "meson.build")) as f:
        return re.search(r"version: '([0-9.]+)'", f.read())[1]


def objects(*files, cwd=KUBERNETES):
    return [json.loads(line) for line in node_js("--json", *files, cwd=cwd).stdout.splitlines()]


def named(kind, name):
    return next(o for o in objects(*FILES) if o["kind"] == kind and o["metadata"]["name"] == name)


@limit(NPM_LIMIT)
def test_manifests_fit_their_schemas(t):
    done = node_js(*FILES)
    assert done.returncode == 0 and done.stdout.count("ok ") == 9, done.stdout
    path = os.path.join(t.folder, "bad.yaml")
    with open(os.path.join(KUBERNETES, "nodes.yaml")) as f, open(path, "w") as out:
        out.write(f.read().replace("replicas: 3", "replicas: three"))
    assert node_js(path).returncode == 1


@limit(NPM_LIMIT)
def test_manifests_fit_each_other(t):
    all_objects = objects(*FILES)
    secret = named("Secret", "holdfast")["stringData"]
    generated = set(re.search(r"files: \[(.*)\]", open(os.path.join(KUBERNETES, "kustomization.yaml")).read())[1].split(", "))
    labels = {}
    for what in ("holdfast-node", "holdfast-sentinel"):
        of = named("StatefulSet", what)["spec"]
        pod = of["template"]["spec"]
        labels[what] = of["template"]["metadata"]["labels"]
        assert of["selector"]["matchLabels"].items() <= labels[what].items()
        assert named("Service", of["serviceName"])["spec"]["clusterIP"] == "None"
        assert named("Service", what)["spec"]["publishNotReadyAddresses"] is True
        assert named("PodDisruptionBudget", what)["spec"]["selector"]["matchLabels"].items() <= labels[what].items()
        volumes = {v["name"] for v in pod["volumes"]} | {c["metadata"]["name"] for c in of["volumeClaimTemplates"]}
        assert pod["securityContext"]["runAsNonRoot"] and not pod["automountServiceAccountToken"]
        for c in pod["containers"] + pod.get("initContainers", []):
            assert {m["name"] for m in c["volumeMounts"]} <= volumes
            assert c["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                            "capabilities": {"drop": ["ALL"]}}
            for word in c.get("args", []) + c.get("command", []):
                if word.startswith("/config/"):
                    assert word[8:] in generated, word
            for e in c.get("env", []):
                ref = e.get("valueFrom", {}).get("secretKeyRef")
                assert not ref or ref["key"] in secret, e
        ports = {p["name"] for c in pod["containers"] for p in c["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert pod["containers"][0][probe]["httpGet"]["port"] in ports
    for o in all_objects:
        if o["kind"] == "Service":
            assert any(o["spec"]["selector"].items() <= have.items() for have in labels.values()), o["metadata"]["name"]
    assert {f for f in generated} <= set(os.listdir(KUBERNETES))


def kubectl(*words):
    if not shutil.which("kubectl"):
        raise Skip("kubectl is not installed")
    return subprocess.run(["kubectl", *words], stdout=subprocess.PIPE, text=True, check=True).stdout


@limit(NPM_LIMIT)
def test_images_have_a_tag(t):
    """Without one they would be looked for in a registry, whatever was loaded."""
    kustomization, = objects("kustomization.yaml")
    tags = {"%s:%s" % (row["name"], row["newTag"]) for row in kustomization["images"]}
    assert tags == {"holdfast-%s:%s" % (what, version()) for what in ("node", "sentinel", "tools")}
    for path in ("README.md", "container/Containerfile"):
        with open(os.path.join(ROOT, "deploy", path)) as f:
            assert set(re.findall(r"-t holdfast-\S+?:(\S+)", f.read())) == {version()}, path
    assert set(re.findall(r"image: (.*)", kubectl("kustomize", KUBERNETES))) == tags


def test_no_secret_is_applied(t):
    """The example's would replace the one that is there."""
    with open(os.path.join(KUBERNETES, "kustomization.yaml")) as f:
        assert "secret" not in re.search(r"^resources: (.*)$", f.read(), re.M)[1]
    made = kubectl("kustomize", KUBERNETES)
    assert "kind: StatefulSet" in made and "kind: Secret" not in made


@limit(NPM_LIMIT)
def test_a_secret_of_random_passwords(t):
    """What deploy/README.md makes has all that the example has, and other passwords each time."""
    kubectl("version", "--client")
    with open(os.path.join(ROOT, "deploy", "README.md")) as f:
        make, = re.findall(r"^```bash\n([^`]*create secret[^`]*)```", f.read(), re.M)
    made = [json.loads(subprocess.run(["bash", "-euc", "kubectl() { command kubectl \"$@\" --dry-run=client -o json; }\n" + make],
                                      stdout=subprocess.PIPE, check=True).stdout)["data"] for _ in range(2)]
    first, second = ({key: base64.b64decode(value).decode() for key, value in data.items()} for data in made)
    example = named("Secret", "holdfast")["stringData"]
    assert first["node-password"] != first["sentinel-password"] and not set(first.values()) & set(second.values())
    for key, text in example.items():
        for name in ("node", "sentinel"):
            text = text.replace(example[name + "-password"], first[name + "-password"])
        assert text.strip() == first[key].strip() or key == "http-tokens", (key, first[key])


@limit(NPM_LIMIT)
def test_the_passwords_of_the_example_are_refused(t):
    secrets, config, data = (os.path.join(t.folder, part) for part in ("secrets", "config", "data"))
    for folder in (secrets, config, data):
        os.makedirs(folder)
    open(os.path.join(config, "node.conf"), "w").close()
    shutil.copy(os.path.join(KUBERNETES, "own-passwords.sh"), config)

    def configure(password):
        with open(os.path.join(secrets, "node.conf"), "w") as f:
            f.write("requirepass %s\n" % password)
        env = {**os.environ, "POD_NAME": "holdfast-node-0", "SERVICE": "holdfast-node", "GROUP": "mymaster", "SENTINELS": "127.0.0.1:1",
               "CONFIG_DIR": config, "SECRETS_DIR": secrets, "DATA_DIR": data}
        return subprocess.run(["sh", os.path.join(KUBERNETES, "configure.sh")], env=env, stderr=subprocess.PIPE, text=True)
    done = configure("change-me-to-a-long-random-string")
    assert done.returncode == 1 and "random" in done.stderr and not os.listdir(data), done
    assert configure("a-password-of-ones-own").returncode == 0 and os.listdir(data) == ["node.conf"]
    for kind, script in ("holdfast-node", "configure.sh"), ("holdfast-sentinel", "own-passwords.sh"):  # which stands before a sentinel alone
        first, = named("StatefulSet", kind)["spec"]["template"]["spec"]["initContainers"]
        assert first["command"] == ["/bin/sh", "/config/" + script] and "secrets" in [m["name"] for m in first["volumeMounts"]], first


@limit(NPM_LIMIT)
def test_the_compose_file(t):
    compose, = objects("compose.yaml", cwd=CONTAINER)
    services = compose["services"]
    assert set(services) == {"node1", "node2", "node3", "sentinel1", "sentinel2", "sentinel3"}
    targets = set(re.findall(r"^FROM \S+ AS (\w+)", open(os.path.join(CONTAINER, "Containerfile")).read(), re.M))
    for name, s in services.items():
        assert s["image"] == "holdfast-%s:%s" % (s["build"]["target"], version())
        assert s["build"]["target"] in targets and s["read_only"] and s["cap_drop"] == ["ALL"], name
        assert s["hostname"] == name and any(v.startswith(name + ":") for v in s["volumes"])
        assert name in " ".join(s["command"]) and set(s.get("depends_on", [])) <= set(services)
        for volume in s["volumes"]:
            source = volume.split(":")[0]
            assert source in compose["volumes"] or os.path.exists(os.path.join(CONTAINER, source)), volume


def test_a_root_of_nothing_but_a_program(t):
    """What the image has in it runs, with nothing else there."""
    t.needs_holdfast()
    if os.geteuid() != 0:
        raise Skip("chroot needs root")
    root = os.path.join(t.folder, "root")
    build = os.path.dirname(os.path.dirname(binary("holdfast", "node")))
    if "asan" in build:
        raise Skip("a sanitizer wants more of a system than an image has")
    subprocess.run([os.path.join(CONTAINER, "make-root"), build, root, "node/holdfast-node", "sentinel/ctl/holdfastctl"], check=True)
    done = subprocess.run(["chroot", "--userspec=10001:10001", root, "/usr/bin/holdfast-node", "--version"], stdout=subprocess.PIPE,
                          text=True)
    assert done.returncode == 0 and "v=" in done.stdout, done
    assert not os.path.exists(os.path.join(root, "bin/sh")) and not os.path.exists(os.path.join(root, "usr/bin/sh"))
    # Libraries that are laid over a Debian leave its links alone: /lib is one.
    over = os.path.join(t.folder, "over")
    subprocess.run([os.path.join(CONTAINER, "make-root"), "--no-base", build, over, "sentinel/ctl/holdfastctl"], check=True)
    assert os.listdir(over) == ["usr"]
    subprocess.run(["cp", "-a", over + "/.", root], check=True)
    done = subprocess.run(["chroot", "--userspec=10001:10001", root, "/usr/bin/holdfastctl", "--version"], stdout=subprocess.PIPE)
    assert done.returncode == 0 and (not os.path.islink("/lib") or os.path.islink(os.path.join(root, "lib"))), done
    size = sum(os.lstat(os.path.join(at, f)).st_size for at, _, files in os.walk(root) for f in files)
    t.figure("an image of the node and holdfastctl: %.1f MB" % (size / 1e6))
    assert size < 40e6
    if shutil.which("shellcheck"):
        for script in (os.path.join(CONTAINER, "make-root"), os.path.join(KUBERNETES, "configure.sh"),
                       os.path.join(KUBERNETES, "own-passwords.sh")):
            done = subprocess.run(["shellcheck", script], stdout=subprocess.PIPE, text=True)
            assert done.returncode == 0, done.stdout


class Pod:
    """One pod: a namespace, the names of all pods, its folders, and what its manifest says of its container."""

    def __init__(self, cluster, what, ordinal):
        self.cluster, self.t = cluster, cluster.t
        self.name, self.service = "%s-%d" % (what, ordinal), what
        self.host = cluster.net.host()
        self.ip = self.host.ip
        self.data, self.config = (os.path.join(self.t.folder, self.name, part) for part in ("data", "config"))
        self.spec = cluster.sets[what]["spec"]["template"]["spec"]
        self.popen = None

    def path(self, word):
        word = word.replace("$(POD_NAME)", self.name)
        for inside, outside in (("/config", self.config), ("/secrets", self.cluster.secrets), ("/data", self.data)):
            word = re.sub(r"^%s(?=/|$)" % inside, outside, word)
        return word

    def environment(self, container):
        env = {"PATH": "%s:%s" % (os.path.dirname(binary("holdfast", "ctl")), os.environ["PATH"]), "CONFIG_DIR": self.config,
               "SECRETS_DIR": self.cluster.secrets, "DATA_DIR": self.data}
        for e in container.get("env", []):
            ref = e.get("valueFrom", {})
            env[e["name"]] = e.get("value") or (self.name if "fieldRef" in ref else
                                                self.cluster.secret[ref["secretKeyRef"]["key"]])
        return env

    def run(self, words, container):
        words = [binary("holdfast", "ctl") if w == "/usr/bin/holdfastctl" else self.path(w) for w in words]
        return subprocess.run(["ip", "netns", "exec", self.host.name, *words], env=self.environment(container),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def configure(self):
        """The ConfigMap as this pod mounts it; paths are of this machine."""
        os.makedirs(self.config)
        for name in ("node.conf", "sentinel.conf", "configure.sh", "own-passwords.sh"):
            with open(os.path.join(KUBERNETES, name)) as f:
                text = f.read()
            text = re.sub(r"(?m)^(dir|http-token-file|include|sentinel state-file) (\S+)$",
                          lambda m: "%s %s" % (m[1], self.path(m[2])), text)
            with open(os.path.join(self.config, name), "w") as f:
                f.write(text.replace("down-after-milliseconds mymaster 5000", "down-after-milliseconds mymaster 2000"))

    def start(self):
        os.makedirs(self.data, exist_ok=True)
        if not os.path.exists(self.config):
            self.configure()
        for container in self.spec.get("initContainers", []):
            done = self.run(container["command"], container)
            assert done.returncode == 0, done
        main, = self.spec["containers"]
        program = binary("holdfast", main["name"])
        with open(os.path.join(self.data, "out"), "ab") as out:
            self.popen = subprocess.Popen(["ip", "netns", "exec", self.host.name, program] + [self.path(w) for w in main["args"]],
                                          cwd=self.data, env=self.environment(main), stdout=out, stderr=out,
                                          preexec_fn=_die_with_parent)
        self.t.defer(self.close)
        return self

    def stop(self):
        if self.popen and self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(15)
            except subprocess.TimeoutExpired:  # it writes its first append only file, as Redis would; the kubelet waits no longer
                self.popen.kill()
                self.popen.wait()

    def close(self):
        self.stop()
        with open(os.path.join(self.data, "out"), errors="replace") as f:
            print("---- %s\n%s" % (self.name, "".join(f.readlines()[-12:])))

    def probe(self, name):
        main, = self.spec["containers"]
        port = next(p["containerPort"] for p in main["ports"] if p["name"] == "metrics")
        try:
            return ask(port, main[name]["httpGet"]["path"], host=self.ip, timeout=2).status == 200
        except OSError:
            return False

    def client(self):
        port, password = (6379, "node-password") if self.service == "holdfast-node" else (26379, "sentinel-password")
        return Client((self.ip, port), password=self.cluster.secret[password], timeout=5)


class Cluster:
    def __init__(self, t):
        self.t, self.net = t, t.net()
        self.sets = {o["metadata"]["name"]: o for o in objects(*FILES) if o["kind"] == "StatefulSet"}
        # The example's are refused.
        self.secret = {key: text.replace("change-me-to-", "") for key, text in named("Secret", "holdfast")["stringData"].items()}
        self.secrets = os.path.join(t.folder, "secrets")
        os.makedirs(self.secrets)
        self.nodes = [Pod(self, "holdfast-node", i) for i in range(3)]
        self.sentinels = [Pod(self, "holdfast-sentinel", i) for i in range(3)]
        for name, text in self.secret.items():
            with open(os.path.join(self.secrets, name), "w") as f:
                f.write(text)
            os.chmod(f.name, 0o400)
        # `ip netns exec` puts these over /etc.
        for pod in self.nodes + self.sentinels:
            folder = "/etc/netns/" + pod.host.name
            os.makedirs(folder)
            t.defer(lambda folder=folder: shutil.rmtree(folder))
            with open(folder + "/hosts", "w") as f:
                f.write("127.0.0.1 localhost\n")
                for other in self.nodes + self.sentinels:
                    f.write("%s %s.%s\n" % (other.ip, other.name, other.service))
            with open(folder + "/resolv.conf", "w") as f:
                f.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")

    def leader(self):
        """By the sentinels' word, as the pod's name."""
        said = set()
        for s in self.sentinels:
            with s.client() as c:
                said.add(tuple(c.call("SENTINEL", "get-master-addr-by-name", "mymaster") or ()))
        return said.pop()[0] if len(said) == 1 else None

    def settled(self):
        try:
            leader = self.leader()
            if not all(p.probe("readinessProbe") for p in self.nodes + self.sentinels):
                return None
            for s in self.sentinels:
                with s.client() as c:
                    if not str(c.ask("SENTINEL", "CKQUORUM", "mymaster")).count("3 usable"):
                        return None
            for n in self.nodes:
                with n.client() as c:
                    i = info(c, "replication")
                if "%s.%s" % (n.name, n.service) == leader:
                    if i["connected_slaves"] != "2":
                        return None
                elif i["role"] != "slave" or i["master_host"] != leader or i["master_link_status"] != "up":
                    return None
            return leader
        except OSError:
            return None


@limit(240)
def test_pods_make_a_group(t):
    t.needs_holdfast()
    cluster = Cluster(t)
    for pod in cluster.nodes + cluster.sentinels:
        pod.start()
    until(lambda: all(p.probe("startupProbe") for p in cluster.nodes + cluster.sentinels), 40, "every process")
    assert until(cluster.settled, 60, "the group") == "holdfast-node-0.holdfast-node"
    with cluster.nodes[0].client() as c:
        until(lambda: c.ask("SET", "k", "v").kind == "+", 15, "a write")
    # A follower that stops asks for nothing; a leader hands over.
    main, = cluster.nodes[0].spec["containers"]
    stop = main["lifecycle"]["preStop"]["exec"]["command"]
    done = cluster.nodes[1].run(stop, main)
    assert done.returncode == 0 and "not needed" in done.stdout, done
    done = cluster.nodes[0].run(stop, main)
    assert done.returncode == 0 and "done in" in done.stdout, done
    cluster.nodes[0].stop()
    # The first of the set comes back, without its disk: it is no leader any more.
    shutil.rmtree(cluster.nodes[0].data)
    cluster.nodes[0].start()
    leader = until(cluster.settled, 60, "the group with the pod that came back")
    assert leader != "holdfast-node-0.holdfast-node"
    with cluster.nodes[0].client() as c:
        assert c.call("GET", "k") == "v"
    # Everything at once, as after a power failure: nobody forgets anything.
    for pod in cluster.nodes + cluster.sentinels:
        pod.stop()
    for pod in cluster.nodes + cluster.sentinels:
        pod.start()
    until(cluster.settled, 90, "the group after everything was gone")
    with cluster.nodes[2].client() as c:
        assert c.call("GET", "k") == "v"
