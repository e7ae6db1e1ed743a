#!/usr/bin/env python3
"""Prints what a running redis-server says of commands, as fields of our command rows.

    command_rows.py [--port 6379] NAME...      names as "get" or "config|get"; a container prints its subcommands

Summaries and histories are texts of Redis: ours are in our own words, so only their versions are printed.
What fills the fields is documented in common/command_docs.h.
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness.resp import Client, pairs  # noqa: E402

IMPLIED = [("write", "@write"), ("readonly", "@read"), ("admin", "@admin"), ("admin", "@dangerous"),
           ("pubsub", "@pubsub"), ("blocking", "@blocking"), ("fast", "@fast")]


def is_token(text):
    return bool(text) and text == text.upper() and text != text.lower() and \
        all(c.isalnum() or c in "-_./" for c in text)


def default_name(arg):
    inner = arg.get("arguments")
    if inner is None:
        return arg.get("token", "").lower()
    return "_".join(pairs(a)["name"] for a in inner)


def plain_name(name):
    odd = any(not (c.isalnum() or c in "-_./") for c in name) or is_token(name)
    return "<%s>" % name if odd else name


def quoted(token):
    return token if is_token(token) else "'%s'" % token


def argument(raw):
    """One argument in the language of command_docs.h."""
    arg = pairs(raw)
    kind, name, token = arg["type"], arg["name"], arg.get("token")
    if kind == "pure-token" and token is None:
        token = name.upper()  # SENTINEL SIMULATE-FAILURE forgets it
    flags = arg.get("flags", [])
    text = ""
    if kind == "pure-token":
        text = quoted(token) if name == token.lower() else "%s:'%s'" % (plain_name(name), token)
    else:
        if token is not None:
            text = quoted(token) + "="
        if kind in ("oneof", "block"):
            inner = [argument(a) for a in arg["arguments"]]
            if name != default_name(arg):
                text += plain_name(name) + ":"
            text += "(%s)" % "|".join(inner) if kind == "oneof" else "{%s}" % " ".join(inner)
        elif kind == "key":
            index = arg["key_spec_index"]
            text += name if name == "key" and index == 0 else \
                "%s:key%s" % (plain_name(name), index or "")
        else:
            text += plain_name(name) + ("" if kind == "string" and name != "key" else ":" + kind)
            text += str(arg.get("key_spec_index", ""))
    if "since" in arg:
        text += "@" + arg["since"]
    if "deprecated_since" in arg:
        text += "~" + arg["deprecated_since"]
    if "multiple" in flags:
        text += "++" if "multiple_token" in flags else "+"
    return "[%s]" % text if "optional" in flags else text


def key_spec(raw, row, first):
    spec = pairs(raw)
    words = list(spec["flags"])
    begin, find = pairs(spec["begin_search"]), pairs(spec["find_keys"])
    b, f = pairs(begin["spec"]), pairs(find["spec"])
    keys_first, keys_last, keys_step = row[3:6]
    default_find = {"lastkey": 0, "keystep": 1, "limit": 0}
    default_index = None
    if first:
        default_index = keys_first
        default_find = {"lastkey": keys_last if keys_last < 0 else keys_last - keys_first,
                        "keystep": keys_step, "limit": 0}
    if begin["type"] == "index":
        if b["index"] != default_index:
            words.append("index=%d" % b["index"])
    elif begin["type"] == "keyword":
        words.append("keyword=%s:%d" % (b["keyword"], b["startfrom"]))
    else:
        words.append("unknown")
    if find["type"] == "range":
        if f != default_find:
            words.append("range=%d:%d:%d" % (f["lastkey"], f["keystep"], f["limit"]))
    elif find["type"] == "keynum":
        words.append("keynum=%d:%d:%d" % (f["keynumidx"], f["firstkey"], f["keystep"]))
    else:
        words.append("unknown")
    if "notes" in spec:
        words.append("# " + "...")
    return " ".join(words)


def row_fields(row, docs):
    """Ordered (field, value) of one row."""
    full = row[0]
    arity, flags, acl = row[1], row[2], row[6]
    implied = {c for f, c in IMPLIED if f in flags} | {"@slow"}
    if "@scripting" in acl:
        implied.discard("@read")
    fields = [("name", full.split("|")[-1]), ("argc_min", abs(arity)),
              ("argc_max", arity if arity > 0 else "ARGC_ANY")]
    shown = ["CMD_" + f.upper() for f in flags]
    if "syscmd" in docs.get("doc_flags", []):
        shown.append("CMD_SYSCMD")
    if shown:
        fields.append(("flags", " | ".join(shown)))
    own = [c for c in acl if c not in implied]
    if own:
        fields.append(("acl", " | ".join("ACL_" + c[1:].upper() for c in own)))
    if any(row[3:6]):
        fields.append(("keys", "{ %d, %d, %d }" % tuple(row[3:6])))
    if row[8]:
        fields.append(("key_specs", ";".join(key_spec(s, row, i == 0)
                                             for i, s in enumerate(row[8]))))
    for field, source in (("group", "group"), ("since", "since"), ("cost", "complexity")):
        if source in docs:
            fields.append((field, docs[source]))
    if "arguments" in docs:
        fields.append(("args", " ".join(argument(a) for a in docs["arguments"])))
    fields.append(("help", "..."))
    if row[7]:
        fields.append(("tips", " ".join(row[7])))
    if "history" in docs:
        fields.append(("history", "|".join("%s:..." % h[0] for h in docs["history"])))
    if "deprecated_since" in docs:
        fields.append(("deprecated", "%s|%s" % (docs["deprecated_since"], docs["replaced_by"])))
    return fields


def literal(field, value):
    if field in ("argc_min", "argc_max", "flags", "acl", "keys"):
        return str(value)
    return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"')


def every_row(client, names):
    """(row, docs) of the names and, for containers, of their subcommands."""
    found = []
    for row in client.call("COMMAND", "INFO", *names):
        if row is None:
            continue
        docs = pairs(pairs(client.call("COMMAND", "DOCS", row[0]))[row[0]])
        found.append((row, docs))
        inner = pairs(docs.get("subcommands", []))
        for sub in row[9]:
            found.append((sub, pairs(inner[sub[0]])))
    return found


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--port", type=int, default=6379)
    parser.add_argument("names", nargs="+")
    args = parser.parse_args()
    client = Client(("127.0.0.1", args.port))
    for row, docs in every_row(client, args.names):
        print("    { " + ",\n      ".join(".%s = %s" % (f, literal(f, v))
                                          for f, v in row_fields(row, docs)) + " },")


if __name__ == "__main__":
    main()
