"""What can go wrong, as exceptions: one class for each of troupe's stable codes, all of one base.

The codes are those of the wire and of the header Troupe-Error; what is raised on this side (no answer,
an answer that breaks its format, a time limit that passed here) has the code that a node would use.
"""

from __future__ import annotations


class TroupeError(Exception):
    """`code` is stable and for programs; `message` says what happened, `next_step` what to do.

    `status` is the HTTP status where there was one, `retry_after` the seconds after which asking again
    makes sense, where the node said so.
    """

    code = "internal"

    def __init__(
        self,
        message: str,
        next_step: str = "",
        *,
        code: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.status = status
        self.retry_after = retry_after
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        hint = f" ({self.next_step})" if self.next_step else ""
        return f"{self.code}: {self.message}{hint}"


class InvalidArgument(TroupeError):
    """What was asked for makes no sense."""

    code = "invalid_argument"


class Malformed(TroupeError):
    """Bytes that do not follow their format: a request's, or an answer's."""

    code = "malformed"


class TooLarge(TroupeError):
    """Over a stated limit."""

    code = "too_large"


class NotFound(TroupeError):
    """No such agent, task, node or file."""

    code = "not_found"


class ModelMissing(NotFound):
    """No such model there, or it is not loaded."""

    code = "model_missing"


class ModelDamaged(TroupeError):
    """A checkpoint that cannot be trusted."""

    code = "model_damaged"


class QueueFull(TroupeError):
    """A bounded queue is full: ask again later."""

    code = "queue_full"


class Expired(TroupeError):
    """The time limit passed before the work was done."""

    code = "expired"


class Canceled(TroupeError):
    """Withdrawn by whoever asked."""

    code = "canceled"


class Draining(TroupeError):
    """The node is going away and takes no new work."""

    code = "draining"


class Unreachable(TroupeError):
    """A node does not answer, or was lost with the task."""

    code = "unreachable"


class Unauthorized(TroupeError):
    """No valid API key, or a key that the cluster does not know."""

    code = "unauthorized"


class HandlerFailed(TroupeError):
    """An agent's handler failed."""

    code = "handler_failed"


class Unsupported(TroupeError):
    """Valid, but not something that this node does."""

    code = "unsupported"


class OsRefused(TroupeError):
    """The operating system refused: a file, a socket."""

    code = "io"


class ConfigMistake(TroupeError):
    """The cluster's file is wrong."""

    code = "config"


class InternalError(TroupeError):
    """A bug in troupe."""

    code = "internal"


class Infeasible(TroupeError):
    """The time limit is too short for what is ahead; the text says which one is not."""

    code = "infeasible"


# By their numbers on the wire, from 1.
CODES = (
    "invalid_argument", "malformed", "too_large", "not_found", "model_missing", "model_damaged",
    "queue_full", "expired", "canceled", "draining", "unreachable", "unauthorized", "handler_failed",
    "unsupported", "io", "config", "internal", "infeasible",
)  # fmt: skip

_CLASSES: dict[str, type[TroupeError]] = {
    one.code: one
    for one in (
        InvalidArgument, Malformed, TooLarge, NotFound, ModelMissing, ModelDamaged, QueueFull, Expired,
        Canceled, Draining, Unreachable, Unauthorized, HandlerFailed, Unsupported, OsRefused,
        ConfigMistake, InternalError, Infeasible,
    )
}  # fmt: skip


def error_of(
    code: str,
    message: str,
    next_step: str = "",
    *,
    status: int | None = None,
    retry_after: float | None = None,
) -> TroupeError:
    """The exception of a code; of one from a later release the base class, which keeps it."""
    kind = _CLASSES.get(code, TroupeError)
    return kind(message, next_step, code=code, status=status, retry_after=retry_after)
