#!/usr/bin/env python3
"""embed.py OUT FILE...: the files of the page as one C source. Refuses more than they may weigh together."""
import os
import re
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


def limit():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "page.h")) as f:
        return eval(re.search(r"PAGE_BYTES_MAX = ([0-9* ]+)", f.read()).group(1))


def rows(data):
    for at in range(0, len(data), 20):
        yield "    " + ", ".join(str(b if b < 128 else b - 256) for b in data[at:at + 20]) + ","


def main(out, files):
    names, total = [], 0
    with open(out, "w") as f:
        f.write('/* Made by embed.py. */\n#include "sentinel/page/page.h"\n')
        for n, path in enumerate(sorted(files)):
            with open(path, "rb") as source:
                data = source.read()
            total += len(data)
            names.append((n, os.path.basename(path), TYPES[os.path.splitext(path)[1]], len(data)))
            f.write("\nstatic const char file_%d[] = {\n%s\n};\n" % (n, "\n".join(rows(data))))
        f.write("\nconst struct page_file page_files[] = {\n")
        for row in names:
            f.write('    { .path = "%s", .type = "%s", .at = file_%d, .len = %d },\n' % (row[1], row[2], row[0], row[3]))
        f.write("};\nconst size_t page_file_count = %d;\n" % len(names))
    if total > limit():
        sys.exit("the page weighs %d bytes, and may weigh %d" % (total, limit()))


main(sys.argv[1], sys.argv[2:])
