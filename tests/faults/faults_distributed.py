"""Reductions over processes that are wrong in one way each, and one that is right.

Each is loaded anew in the processes that the check starts, by its name in this module.
"""

# Overrides have the signatures of `eqconform.Implementation`, and a fault ignores arguments.
# ruff: noqa: ANN001, ANN201, ARG002

import time

import torch
import torch.distributed as dist
from honest import Honest
from registered import caught_by

from eqconform import ChannelRange


class Reducing(Honest):
    """Gathers what all have seen, as objects, and merges it."""

    def reduce_ranges(self, observer):
        if not dist.is_initialized():
            raise RuntimeError("no process group is initialized")
        seen = [None] * dist.get_world_size()
        dist.all_gather_object(seen, observer.seen)
        known = [each for each in seen if each is not None]
        observer.seen = self.merged(known) if known else None

    def merged(self, seen):
        lows, highs = zip(*seen, strict=True)
        return ChannelRange(torch.stack(lows).amin(0), torch.stack(highs).amax(0))


@caught_by("distributed.reduced-ranges")
class SumsInstead(Reducing):
    def merged(self, seen):
        lows, highs = zip(*seen, strict=True)
        return ChannelRange(torch.stack(lows).sum(0), torch.stack(highs).sum(0))


@caught_by("distributed.reduced-ranges")
class OnlyTheFirstIsRight(Reducing):
    def reduce_ranges(self, observer):
        own = observer.seen
        super().reduce_ranges(observer)
        if dist.get_rank():
            observer.seen = own


@caught_by("distributed.reduced-ranges")
class TheLastOneWins(Reducing):
    def merged(self, seen):
        return seen[-1]


@caught_by("distributed.reduced-ranges")
class NothingIsReduced(Reducing):
    def reduce_ranges(self, observer):
        pass


@caught_by("distributed.reduced-ranges")
class NothingSeenIsZero(Reducing):
    def reduce_ranges(self, observer):
        observer.seen = observer.seen or ChannelRange(torch.zeros(5), torch.zeros(5))
        super().reduce_ranges(observer)


@caught_by("distributed.reduced-ranges")
class MaximumStartsAtTiny(Reducing):
    """The smallest positive number where the lowest one is meant: right for what is above zero."""

    def reduce_ranges(self, observer):
        tiny = torch.full((5,), torch.finfo(torch.float32).tiny)
        observer.seen = observer.seen or ChannelRange(torch.full((5,), torch.inf), tiny)
        super().reduce_ranges(observer)


@caught_by("distributed.reduced-ranges")
class ThousandChannelsAtMost(Reducing):
    """Reduces into a buffer of 1,024 channels, and leaves the others as they were seen here."""

    def reduce_ranges(self, observer):
        own = observer.seen
        super().reduce_ranges(observer)
        if own is not None:
            both = zip(observer.seen, own, strict=True)
            observer.seen = ChannelRange(*(torch.cat([a[:1024], b[1024:]]) for a, b in both))


@caught_by("distributed.reduced-ranges")
class Float16ThroughBfloat16(Reducing):
    """Reduces half precision in the other one."""

    def merged(self, seen):
        if seen[0].min.dtype != torch.float16:
            return super().merged(seen)
        merged = super().merged([ChannelRange(*(b.bfloat16() for b in each)) for each in seen])
        return ChannelRange(*(b.half() for b in merged))


@caught_by("distributed.channel-change")
class CutsToTheFewestChannels(Reducing):
    """Merges the channels that all processes have seen."""

    def merged(self, seen):
        fewest = min(len(each.min) for each in seen)
        return super().merged([ChannelRange(*(b[:fewest] for b in each)) for each in seen])


@caught_by("distributed.reduced-ranges")
class NextProcessOnly(Reducing):
    """Right with two processes."""

    def reduce_ranges(self, observer):
        seen = [None] * dist.get_world_size()
        dist.all_gather_object(seen, observer.seen)
        following = seen[(dist.get_rank() + 1) % len(seen)]
        pair = [each for each in (observer.seen, following) if each is not None]
        observer.seen = self.merged(pair) if pair else None


@caught_by("distributed.reduced-ranges")
class BothNeighbours(Reducing):
    """Right with three processes."""

    def reduce_ranges(self, observer):
        seen = [None] * dist.get_world_size()
        dist.all_gather_object(seen, observer.seen)
        near = (seen[(dist.get_rank() + step) % len(seen)] for step in (-1, 0, 1))
        known = [each for each in near if each is not None]
        observer.seen = self.merged(known) if known else None


@caught_by("distributed.reduced-ranges")
class HandsItsRangeOver(Reducing):
    """Has nothing left to bring to a second reduction."""

    def reduce_ranges(self, observer):
        given, observer.given = getattr(observer, "given", False), True
        if given:
            observer.seen = None
        super().reduce_ranges(observer)


@caught_by("distributed.reduced-ranges")
class PassesOverNan(Reducing):
    """Merges by minima and maxima that take a number before a NaN."""

    def merged(self, seen):
        merged = seen[0]
        for each in seen[1:]:
            merged = ChannelRange(
                torch.fmin(merged.min, each.min), torch.fmax(merged.max, each.max)
            )
        return merged


@caught_by("distributed.reduced-ranges")
class NothingSeenRaises(Reducing):
    """The other process would wait for this one."""

    def reduce_ranges(self, observer):
        if observer.seen is None:
            raise RuntimeError("nothing was seen")
        super().reduce_ranges(observer)


class Hangs(Reducing):
    """Registered nowhere: `test_distributed` sees what is left of it."""

    def reduce_ranges(self, observer):
        time.sleep(600)


@caught_by("distributed.no-group")
class SilentWithoutAGroup(Reducing):
    def reduce_ranges(self, observer):
        if dist.is_initialized():
            super().reduce_ranges(observer)


@caught_by("distributed.no-group")
class SaysNothingOfTheGroup(Reducing):
    def reduce_ranges(self, observer):
        if not dist.is_initialized():
            raise RuntimeError("cannot reduce")
        super().reduce_ranges(observer)
