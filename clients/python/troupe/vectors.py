"""Vectors of 32-bit floats: numpy's where numpy is installed, else the standard library's arrays."""

from __future__ import annotations

import array
import math
import sys
from collections.abc import Iterable
from typing import Any, TypeAlias

from .errors import InvalidArgument, Malformed

try:
    import numpy
except ImportError:  # the extra `numpy` was not asked for
    numpy = None  # type: ignore[assignment]

# numpy.ndarray of float32, else array.array("f"); both have a length, numbers and the buffer protocol.
Vector: TypeAlias = Any
# numpy.ndarray of float32 and two dimensions, else a list of array.array("f").
Matrix: TypeAlias = Any


def vector_of_bytes(raw: bytes | memoryview) -> Vector:
    """From little-endian floats, as the wire and HTTP have them; all must be finite."""
    if numpy is not None:
        values = numpy.frombuffer(raw, dtype="<f4").astype(numpy.float32)
        if not numpy.isfinite(values).all():
            raise Malformed("a vector holds a number that is not finite")
        return values
    own = array.array("f", bytes(raw))
    if sys.byteorder == "big":
        own.byteswap()
    if not all(map(math.isfinite, own)):
        raise Malformed("a vector holds a number that is not finite")
    return own


def bytes_of_vector(values: Iterable[float]) -> bytes:
    """Little-endian floats of one vector: a numpy array, a list, an array. All must be finite."""
    try:
        if numpy is not None:
            given = numpy.asarray(values if hasattr(values, "__array__") else list(values))
            if given.ndim != 1 or given.dtype.kind not in "fiu":
                raise InvalidArgument("a vector is not one row of numbers")
            with numpy.errstate(over="ignore"):
                narrow = given.astype("<f4")
            if not numpy.isfinite(narrow).all():
                raise InvalidArgument("a vector holds a number that is not finite as a 32-bit float")
            return narrow.tobytes()
        own = array.array("f", values)
    except (TypeError, ValueError, OverflowError) as wrong:
        raise InvalidArgument(f"a vector is not one row of numbers: {wrong}") from None
    if not all(map(math.isfinite, own)):
        raise InvalidArgument("a vector holds a number that is not finite as a 32-bit float")
    if sys.byteorder == "big":
        own.byteswap()
    return own.tobytes()


def matrix_of_bytes(raw: bytes | memoryview, rows: int, width: int) -> Matrix:
    values = vector_of_bytes(raw)
    if numpy is not None:
        return values.reshape(rows, width)
    return [values[row * width : (row + 1) * width] for row in range(rows)]


def join(matrices: list[Matrix]) -> Matrix:
    if len(matrices) == 1:
        return matrices[0]
    if numpy is not None:
        return numpy.concatenate(matrices)
    return [row for matrix in matrices for row in matrix]
