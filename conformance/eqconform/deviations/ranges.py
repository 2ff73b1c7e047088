"""Version ranges of an entry: which versions are in one, and ranges that are none.

Ranges are those of PEP 440, of releases: a build ("2.15.0+cpu") is the version that it is a build
of, and what comes before a release ("2.16.0.dev20260101", "2.6.0a0+nv24.12") already behaves as
that release will. So every version is on one side of "<2.16" and ">=2.16", which PEP 440 alone
does not say of those. A range that names a pre-release is compared with pre-releases as they are.
"""

from itertools import chain

from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from eqconform.selection import UsageError


def within(wanted: str, found: str) -> bool:
    """Whether a version is in a range.

    Raises:
        UsageError: the version is not of PEP 440.
    """
    try:
        version = Version(found)
    except InvalidVersion as error:
        raise UsageError(f"{found!r} is no version that {wanted!r} can be compared with") from error
    ranges = SpecifierSet(wanted)
    to_release = version.is_prerelease and not ranges.prereleases
    compared = version.base_version if to_release else version.public
    return ranges.contains(compared, prereleases=True)


def range_problem(wanted: str) -> str:
    """Why a text is no range that a version can be in, or ""."""
    try:
        ranges = SpecifierSet(wanted)
    except InvalidSpecifier:
        return "is no version range such as '>=2.1,<2.16'"
    if builds := [str(each) for each in ranges if _names_a_build(each)]:
        return f"names a build ({builds[0]}), and is compared with releases such as 2.15.0"
    return "" if have_common(wanted) else "is a range that no version is in"


def have_common(*wanted: str) -> bool:
    """Whether some version is in all of the ranges.

    A range begins at a version that it names, right behind one, or at the first of all. So one
    that holds none of these holds nothing.
    """
    ranges = SpecifierSet(",".join(wanted))
    named = (Version(each.version.removesuffix(".*")) for each in ranges)
    starts = chain.from_iterable(map(_starts, (Version("0"), *named)))
    return any(ranges.contains(start, prereleases=True) for start in starts)


def _names_a_build(specifier: Specifier) -> bool:
    return specifier.operator == "===" or "+" in specifier.version


def _starts(version: Version) -> tuple[Version, ...]:
    """The version, one right behind it, and the first that does not begin like it."""
    *first, last = version.release
    epoch = f"{version.epoch}!"
    behind = ".".join(map(str, (*version.release, 0, 0, 1)))
    after = ".".join(map(str, (*first, last + 1)))
    return version, Version(epoch + behind), Version(epoch + after)
