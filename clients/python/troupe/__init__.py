"""Clients of a troupe cluster: HttpClient and AsyncHttpClient over HTTP, with the standard library
alone; Client and AsyncClient over ZeroMQ, and agents (Agent, AgentHost), with the extra `zmq`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._v2 import Inference, JobStatus
from .cluster_file import ClusterFile, read_cluster_file
from .errors import (
    Canceled, ConfigMistake, Draining, Expired, HandlerFailed, Infeasible, InternalError,
    InvalidArgument, Malformed, ModelDamaged, ModelMissing, NotFound, OsRefused, QueueFull, TooLarge,
    TroupeError, Unauthorized, Unreachable, Unsupported,
)  # fmt: skip
from .http_async import AsyncHttpClient
from .http_client import HttpClient
from .tasks import (
    ORDINARY, URGENT, Act, Action, Classify, Embedding, Encode, Hit, Hits, Letter, Outcome, Output,
    Recall, Scores, Timing, Work,
)  # fmt: skip

if TYPE_CHECKING:
    from .agents import Agent, Context, Mail
    from .aio import AsyncClient, AsyncTask
    from .client import Client, Task, connect
    from .host import AgentHost, Restarts

_WITH_ZMQ = {
    "Agent": "agents", "AgentHost": "host", "AsyncClient": "aio", "AsyncTask": "aio", "Client": "client",
    "Context": "agents", "Mail": "agents", "Restarts": "host", "Task": "client", "connect": "client",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """What needs pyzmq is imported when it is asked for."""
    if name not in _WITH_ZMQ:
        raise AttributeError(f"module 'troupe' has no attribute {name!r}")
    import importlib

    try:
        return getattr(importlib.import_module("." + _WITH_ZMQ[name], __name__), name)
    except ModuleNotFoundError as missing:
        if missing.name != "zmq":
            raise
        raise ImportError(f"troupe.{name} needs pyzmq: pip install 'troupe[zmq]'") from None


__all__ = [
    "ORDINARY", "URGENT", "Act", "Action", "Agent", "AgentHost", "AsyncClient", "AsyncHttpClient",
    "AsyncTask", "Canceled", "Classify", "Client", "ClusterFile", "ConfigMistake", "Context", "Draining",
    "Embedding", "Encode", "Expired", "HandlerFailed", "Hit", "Hits", "HttpClient", "Infeasible",
    "Inference", "InternalError", "InvalidArgument", "JobStatus", "Letter", "Mail", "Malformed", "ModelDamaged",
    "ModelMissing", "NotFound", "OsRefused", "Outcome", "Output", "QueueFull", "Recall", "Restarts",
    "Scores", "Task", "Timing", "TooLarge", "TroupeError", "Unauthorized", "Unreachable", "Unsupported",
    "Work", "connect", "read_cluster_file",
]  # fmt: skip
