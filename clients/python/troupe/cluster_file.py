"""What a client needs of a cluster's file: where the nodes are, and by which keys they know each other.

It reads the same file as `troupe` itself, with the same defaults and the same overrides from the
environment (docs/configuration.md), but only the keys below; `troupe check` is who finds mistakes in
the others.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import ConfigMistake, OsRefused

FILE_BYTES_MAX = 1 << 20
KEY_FILE_BYTES_MAX = 4096
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_Z85 = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#")
_ROLES = ('"node"', '"client"', '"read-only"')
_UNITS_S = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class KeyPair:
    public: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Node:
    name: str
    host: str
    urgent_port: int
    ordinary_port: int
    http: str  # "host:port"; empty: it serves none


@dataclass(frozen=True)
class ClusterFile:
    path: str
    name: str
    keys_folder: str
    nodes: tuple[Node, ...]  # by name, as troupe has them
    heartbeat_interval: float  # seconds
    heartbeats_missed_max: int
    https: bool = False  # the nodes have a certificate, and serve no plain HTTP

    def key_pair(self, name: str = "client") -> KeyPair:
        """The private file of one name. It must be readable by its owner alone."""
        entries = _read_key_file(Path(self.keys_folder, name + ".key"), private=True)
        if "secret" not in entries:
            raise ConfigMistake(f"'{name}.key' holds no secret key")
        return KeyPair(entries["public"], entries["secret"])

    def public_keys(self, name: str) -> tuple[str, ...]:
        """The key of one name, and while it is rotated also the next one."""
        entries = _read_key_file(Path(self.keys_folder, name + ".pub"), private=False)
        if "secret" in entries:
            raise ConfigMistake(f"'{name}.pub' holds a secret key, which does not belong there")
        return (entries["public"], *((entries["next"],) if "next" in entries else ()))

    def http_url(self, node: str | None = None) -> str:
        """Of that node, or of the first one that serves HTTP."""
        for one in self.nodes:
            if one.http and node in (None, one.name):
                host, _, port = one.http.rpartition(":")
                if host in ("0.0.0.0", "[::]"):
                    host = f"[{one.host}]" if ":" in one.host else one.host
                return f"{'https' if self.https else 'http'}://{host}:{port}"
        who = "no node" if node is None else f"no node {node!r}"
        raise ConfigMistake(
            f"{who} of this cluster serves HTTP", "set `listen` in [http], or `http` of a node"
        )


def read_cluster_file(
    path: str | os.PathLike[str], environment: Mapping[str, str] | None = None
) -> ClusterFile:
    """Raises OsRefused or ConfigMistake. `environment` is the process's own unless it is given."""
    variables = os.environ if environment is None else environment
    given = _parse(os.fspath(path))
    setting = _Settings(os.fspath(path), given, variables)
    name = setting.text("cluster", "name", "troupe")
    keys = setting.text("cluster", "keys", "auto")
    listen = setting.text("http", "listen", "")
    tables = given.get("node", {})
    if not isinstance(tables, dict) or not tables:
        raise setting.mistake("there is no node: write at least one [node.NAME] with its two ports")
    nodes = []
    for node in sorted(tables):
        if not _NAME.fullmatch(node) or node == "client":
            raise setting.mistake(f"{node!r} cannot name a node")
        own = setting.text(f"node.{node}", "http", "")
        nodes.append(
            Node(
                node,
                setting.text(f"node.{node}", "host", "127.0.0.1"),
                setting.number(f"node.{node}", "urgent_port", None, 65535),
                setting.number(f"node.{node}", "ordinary_port", None, 65535),
                "" if own == "off" else own or listen,
            )
        )
    return ClusterFile(
        os.fspath(path),
        name,
        _state_folder(name, variables) + "/keys" if keys == "auto" else _expand(keys, variables),
        tuple(nodes),
        setting.duration("link", "heartbeat_interval", 1.0, 0.01, 60.0),
        setting.number("link", "heartbeats_missed_max", 3, 100),
        setting.text("http", "tls_certificate", "") != "",
    )


def duration_s(text: str) -> float | None:
    """ "1.5s" to 1.5; None where it is not a number with its unit."""
    found = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|ms|s|m|h)", text)
    return float(found[1]) * _UNITS_S[found[2]] if found else None


class _Settings:
    """Single values: the environment's over the file's over the default."""

    def __init__(self, path: str, given: dict[str, Any], variables: Mapping[str, str]) -> None:
        self.path, self.given, self.variables = path, given, variables

    def mistake(self, what: str) -> ConfigMistake:
        return ConfigMistake(f"{self.path}: {what}", "troupe check names every mistake of the file")

    def _value(self, table: str, key: str) -> tuple[Any, bool]:
        """The value, and whether it came as text of the environment."""
        variable = "TROUPE_" + "__".join(
            re.sub(r"[^A-Za-z0-9]", "_", part).upper() for part in (*table.split(".", 1), key)
        )
        if variable in self.variables:
            return self.variables[variable], True
        place: Any = self.given
        for part in table.split(".", 1):
            place = place.get(part, {}) if isinstance(place, dict) else {}
        return (place.get(key) if isinstance(place, dict) else None), False

    def text(self, table: str, key: str, default: str) -> str:
        value, _ = self._value(table, key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.mistake(f"'{key}' of [{table}] must be text")
        return value

    def number(self, table: str, key: str, default: int | None, most: int) -> int:
        value, from_text = self._value(table, key)
        if value is None and default is not None:
            return default
        if value is None:
            raise self.mistake(f"[{table}] needs '{key}'")
        if from_text and re.fullmatch(r"\d{1,9}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
            raise self.mistake(f"'{key}' of [{table}] must be a whole number from 1 to {most}")
        return value

    def duration(self, table: str, key: str, default: float, least: float, most: float) -> float:
        value, _ = self._value(table, key)
        if value is None:
            return default
        seconds = duration_s(value) if isinstance(value, str) else None
        if seconds is None or not least <= seconds <= most:
            raise self.mistake(f"'{key}' of [{table}] must be a duration with its unit, as in \"8ms\"")
        return seconds


def _parse(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as refused:
        raise OsRefused(f"cannot read {path}: {refused.strerror}", "give the cluster's file") from None
    if len(raw) > FILE_BYTES_MAX:
        raise ConfigMistake(f"{path} is longer than 1 MiB")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise ConfigMistake(f"{path}: {wrong}") from None


def _expand(folder: str, variables: Mapping[str, str]) -> str:
    def value_of(name: str) -> str:
        value = variables.get(name, "")
        if not value:
            raise ConfigMistake(f"the variable {name} is not set", "write the folder out")
        return value

    start = ""
    if folder.startswith("~"):
        if folder[1:2] not in ("", "/"):
            raise ConfigMistake("only '~/' is understood at the start of a folder")
        start, folder = value_of("HOME"), folder[1:]
    without = re.sub(r"\$\{\w+\}|\$\w+", "", folder, flags=re.ASCII)
    if "$" in without:
        raise ConfigMistake("a '$' in a folder must start a variable, as in $HOME or ${HOME}")
    return start + re.sub(
        r"\$\{(\w+)\}|\$(\w+)", lambda found: value_of(found[1] or found[2]), folder, flags=re.ASCII
    )


def _state_folder(cluster: str, variables: Mapping[str, str]) -> str:
    for variable, below in (("XDG_STATE_HOME", ""), ("HOME", "/.local/state")):
        if variables.get(variable, "").startswith("/"):
            return f"{variables[variable]}{below}/troupe/{cluster}"
    raise ConfigMistake("there is no place for the cluster's state: HOME is not set")


def _read_key_file(path: Path, *, private: bool) -> dict[str, str]:
    """Its messages never quote a line, which may hold half of a secret."""
    try:
        # A pipe under that name must not hold us up.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as refused:
        raise OsRefused(
            f"cannot open '{path}': {refused.strerror}",
            "`troupe up` makes the keys of a cluster on one machine, `troupe keys new` those of others",
        ) from None
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OsRefused(f"'{path}' is not a file")
        if private and status.st_uid not in (os.geteuid(), 0):
            raise OsRefused(f"'{path}' belongs to another user")
        if private and status.st_mode & 0o077:
            raise OsRefused(
                f"'{path}' holds a secret key that other users can read", f"chmod 600 {path}"
            )
        raw = file.read(KEY_FILE_BYTES_MAX + 1)
    if len(raw) > KEY_FILE_BYTES_MAX:
        raise ConfigMistake(f"'{path}' is too large for a key file")
    entries: dict[str, str] = {}
    for line in raw.decode("utf-8", "replace").splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, _, value = (part.strip() for part in line.partition("="))
        if name == "role":
            good = value in _ROLES
        else:
            good = len(value) == 42 and value[0] == value[-1] == '"' and _Z85.issuperset(value[1:-1])
        known = ("public", "secret") if private else ("public", "secret", "next", "role")
        if name not in known or name in entries or not good:
            raise ConfigMistake(f"'{path}' is not a key file", "make new keys with `troupe keys new`")
        entries[name] = value[1:-1]
    if "public" not in entries:
        raise ConfigMistake(f"'{path}' has no public key")
    return entries
