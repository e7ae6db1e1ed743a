"""deploy/debian's scripts and deploy/certificates, where something is in their way."""
import os
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
