"""Tests as parts of a proof: each runs in the proof's context, in a folder of its own, and that it held is one of its promises."""
import tempfile
import time
import traceback

from . import Skip


def _clean(t):
    while t.deferred:
        t.deferred.pop()()
    for p in t.processes:
        p.stop() if p.running() else None
        p.forget()


def retell(t, *modules):
    """Gives how many held."""
    held, folder = 0, t.folder
    for module in modules:
        for name, function in list(vars(module).items()):  # a warning adds to them
            if not name.startswith("test_") or getattr(function, "__module__", "") != module.__name__:
                continue
            label = "%s: %s" % (module.__name__.removeprefix("test_"), name[5:].replace("_", " "))
            began = time.monotonic()
            t.folder = tempfile.mkdtemp(prefix="", dir=folder)
            try:
                function(t)
                t.promise(True, "%-66s %5.1f s" % (label, time.monotonic() - began))
                held += 1
            except Skip as e:
                t.figure("skipped  %s: %s" % (label, e))
            except Exception as e:
                traceback.print_exc()
                t.promise(False, "%s: %s" % (label, (str(e).splitlines() or [type(e).__name__])[0][:300]))
            finally:
                _clean(t)
                t.folder = folder
    return held
