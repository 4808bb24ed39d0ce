"""Finding the processes of a cluster's nodes."""


def node_pid(test, up, name):
    """Of `troupe node FILE --name NAME` among the children of `troupe up`."""
    for pid in test.children(up):
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as line:
            words = line.read().split("\0")
        if "--name" in words and words[words.index("--name") + 1] == name:
            return pid
    raise AssertionError(f"no process of node {name}")
