"""What can go wrong, each with what was wrong, where, and the way out."""


def counted(count: int, noun: str) -> str:
    """`1 channel`, `2 channels`, for a message."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


class ChannelMismatch(ValueError):  # noqa: N818  reads as what it is
    """Two things that should have the same number of channels do not."""


class NotTraceable(ValueError):  # noqa: N818
    """A part of the network cannot be written as a graph by `torch.fx`."""


class NotCalibrated(RuntimeError):  # noqa: N818
    """A prepared network is to be converted, and its observers have seen nothing."""


class NotFinite(ValueError):  # noqa: N818
    """Calibration data or a weight holds NaN or infinity, so that no scale follows from it."""
