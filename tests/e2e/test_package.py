"""deploy/debian's scripts and deploy/certificates, where something is in their way."""
import os
import shutil
import subprocess

from harness import Skip
from harness.process import ROOT
from test_guides import Machine

DEPLOY = os.path.join(ROOT, "deploy")


def test_purging_empties_a_folder_that_is_a_disk_of_its_own(t):
    t.needs_holdfast()
    if os.geteuid() != 0:
        raise Skip("mounting needs root")
    machine = Machine(t, t.net(), "m1")
    for what in ("node", "sentinel"):
        folder, script = "/var/lib/holdfast/" + what, os.path.join(DEPLOY, "debian", "holdfast-%s.postrm" % what)
        machine.run("mount -t tmpfs none %s; touch %s/data %s/.more" % (folder, folder, folder))
        machine.run("mkdir -p /etc/holdfast; touch /etc/holdfast/%s.conf" % what)
        machine.run("sh %s purge; [ -z \"$(ls -A %s)\" ] && [ ! -e /etc/holdfast/%s.conf ]" % (script, folder, what))
        # What cannot be deleted is no success.
        machine.run("mkdir %s/in; mount -t tmpfs none %s/in; ! sh %s purge" % (folder, folder, script))


def certificates(*words):
    return subprocess.run([os.path.join(DEPLOY, "certificates"), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_certificates_tell_what_openssl_said(t):
    folder = os.path.join(t.folder, "authority")
    assert certificates("init", folder).returncode == 0
    done = certificates("issue", folder, "m1", "10.0.0.1", "localhost")
    assert done.returncode == 0 and not done.stderr and "IP:10.0.0.1 DNS:localhost" in done.stdout, done
    before = {name: os.stat(os.path.join(folder, name)).st_mtime_ns for name in os.listdir(folder)}
    done = certificates("issue", folder, "m1", "10.0.0.300")
    assert done.returncode == 1 and "bad ip address" in done.stderr and "openssl x509 failed" in done.stderr, done
    assert {name: os.stat(os.path.join(folder, name)).st_mtime_ns for name in os.listdir(folder)} == before
    if shutil.which("shellcheck"):
        done = subprocess.run(["shellcheck", os.path.join(DEPLOY, "certificates")], stdout=subprocess.PIPE, text=True)
        assert done.returncode == 0, done.stdout
