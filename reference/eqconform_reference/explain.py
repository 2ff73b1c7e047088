"""Explain: the plan as a table, with a reason for every layer."""

from eqconform_reference.plan import Treatment, make_plan
from eqconform_reference.prepare import Prepared

_COLUMNS = ("layer", "scale", "why")


def explain(prepared: Prepared) -> str:
    """What `convert` will do with every layer, as a table in plain text.

    Args:
        prepared: what `prepare` returned, best calibrated.

    Raises:
        ChannelMismatch, NotFinite: as `convert` would.
    """
    rows = [_COLUMNS]
    for layout in prepared.layouts():
        rows += [_row(each) for each in make_plan(layout)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(_COLUMNS))]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _row(treatment: Treatment) -> tuple[str, str, str]:
    name = treatment.calls[0].name
    if len(treatment.calls) > 1:
        name += f" ({len(treatment.calls)} calls)"
    if treatment.scale is None:
        return name, "-", f"left alone: {treatment.reason}"
    low, high = treatment.scale.min().item(), treatment.scale.max().item()
    return name, f"{low:.3g} to {high:.3g}", treatment.reason
