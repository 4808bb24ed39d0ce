"""Plants bugs into copies of the scheduler and demands that the simulator catches each.

For each entry of mutants.txt: the piece of source must stand in its file exactly once; the changed
file is compiled (unoptimised: compiling takes longer than running) and linked in front of the real
scheduler's archive, with the simulator that is built already; the result must report a violation of
the checker that the entry names within the given number of seeds. The unbroken scheduler must pass
the same seeds, and docs/simulation.md must list exactly these mutants and checkers.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time


STANDARD_HEADERS = ("algorithm chrono memory memory_resource optional span string tuple "
                    "unordered_map variant vector").split()


def read_mutants(path):
    """The entries of mutants.txt as dictionaries: name, file, checker, old, new."""
    mutants = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        head = [part.strip() for part in line.split("|")]
        if not line.strip() or line.startswith("#"):
            continue
        if line[0] in "-+":
            if not mutants:
                sys.exit(f"{path}:{number}: an edit before any mutant")
            mutants[-1]["old" if line[0] == "-" else "new"].append(line[2:])
        elif len(head) == 3:
            mutants.append(dict(name=head[0], file=head[1], checker=head[2], old=[], new=[]))
        else:
            sys.exit(f"{path}:{number}: neither an edit nor NAME | FILE | CHECKER")
    for mutant in mutants:
        mutant["old"] = "\n".join(mutant["old"])
        mutant["new"] = "\n".join(mutant["new"])
    return mutants


def compare_with_docs(mutants, path):
    """The rows `| name | what | checker |` below the heading about mutants, against mutants.txt."""
    section = path.read_text().split("## The mutants", 1)[-1]
    rows = dict(re.findall(r"^\| `([a-z-]+)` \|[^|]*\| ([a-z]+) \|$", section, re.MULTILINE))
    wanted = {mutant["name"]: mutant["checker"] for mutant in mutants}
    return [
        f"{name}: mutants.txt says {wanted.get(name)}, {path.name} says {rows.get(name)}"
        for name in sorted(wanted.keys() | rows.keys())
        if wanted.get(name) != rows.get(name)
    ]


class Builder:
    def __init__(self, arguments):
        self.compiler = shlex.split(arguments.compiler)
        self.flags = shlex.split(arguments.flags)
        self.source = pathlib.Path(arguments.source).resolve()
        self.work = pathlib.Path(arguments.work)
        self.objects = shlex.split(arguments.objects)
        self.seeds = str(arguments.seeds)
        self.include = []

    def prepare(self):
        """The standard headers, compiled once: they are most of what a mutant costs."""
        self.work.mkdir(parents=True, exist_ok=True)
        headers = self.work / "standard.hpp"
        headers.write_text("".join(f"#include <{name}>\n" for name in STANDARD_HEADERS))
        self.command("-x", "c++-header", headers, "-o", f"{headers}.gch")
        self.include = ["-include", headers]

    def command(self, *arguments):
        result = subprocess.run(
            [*self.compiler, "-std=c++20", "-O0", "-w", *self.flags, *map(str, arguments)],
            capture_output=True, text=True)
        if result.returncode != 0:
            raise RuntimeError("does not build:\n" + result.stderr[-2000:])

    def hunt(self, program, checker=""):
        try:
            result = subprocess.run([program, self.seeds, checker], capture_output=True, text=True,
                                    timeout=60)
        except subprocess.TimeoutExpired:
            return None, "no verdict within a minute"
        return result.returncode, (result.stdout + result.stderr).strip()

    def unbroken(self):
        program = self.work / "unbroken"
        self.command(*self.objects, "-o", program)
        code, said = self.hunt(program)
        return None if code == 0 else f"the unbroken scheduler is not clean: {said}"

    def includes(self, source, header):
        """Whether the one file of ours includes the other, directly or not."""
        names = re.findall(r'^#include "([^"]+)"', source.read_text(), re.MULTILINE)
        paths = [self.source / name for name in names]
        return header in paths or any(self.includes(path, header) for path in paths)

    def verdict(self, mutant):
        """None if the simulator caught it as it should, else what went wrong."""
        original = self.source / mutant["file"]
        text = original.read_text()
        times = text.count(mutant["old"])
        if times != 1:
            return f"its pattern stands {times} times in {mutant['file']}, not once"
        folder = self.work / mutant["name"]
        changed = folder / mutant["file"]
        changed.parent.mkdir(parents=True, exist_ok=True)
        changed.write_text(text.replace(mutant["old"], mutant["new"]))
        sources = [changed] if changed.suffix == ".cpp" else sorted(
            source for source in original.parent.glob("*.cpp") if self.includes(source, original))
        try:
            built = []
            for source in sources:
                built.append(folder / (source.stem + ".o"))
                self.command("-I", folder, "-I", self.source, *self.include, "-c", source, "-o",
                             built[-1])
            program = folder / "hunt"
            self.command(*built, *self.objects, "-o", program)
        except RuntimeError as error:
            return str(error)
        code, said = self.hunt(program, mutant["checker"])
        if code == 3:
            return None
        if code == 0:
            return f"survived {self.seeds} seeds"
        return f"was not caught by '{mutant['checker']}' (exit code {code}): {said}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--flags", default="")
    parser.add_argument("--source", required=True, help="the repository's root")
    parser.add_argument("--work", required=True, help="a folder for the mutants")
    parser.add_argument("--objects", required=True, help="the hunt, the simulator, the scheduler")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--only", default="", help="run mutants whose name contains this")
    arguments = parser.parse_args()

    here = pathlib.Path(__file__).parent
    mutants = read_mutants(here / "mutants.txt")
    failures = compare_with_docs(mutants, pathlib.Path(arguments.source) / "docs/simulation.md")
    builder = Builder(arguments)
    began = time.monotonic()
    builder.prepare()
    if problem := builder.unbroken():
        failures.append(problem)
    chosen = [mutant for mutant in mutants if arguments.only in mutant["name"]]
    with concurrent.futures.ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for mutant, problem in zip(chosen, pool.map(builder.verdict, chosen)):
            print(f"{'MISSED' if problem else 'caught'}  {mutant['checker']:12}  {mutant['name']}",
                  flush=True)
            if problem:
                failures.append(f"{mutant['name']}: {problem}")
    print(f"{len(chosen)} mutants, {time.monotonic() - began:.0f} s")
    for failure in failures:
        print("FAILED", failure)
    return 1 if failures or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
