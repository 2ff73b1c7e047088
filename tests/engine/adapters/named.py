"""Right, under names that no file can have."""

from good import Good


class LongName(Good):
    name = 300 * "x"


class LongerName(Good):
    name = 301 * "x"


class Dots(Good):
    name = "..."


class Separators(Good):
    name = "../../etc/passwd"
