"""torchvision's networks with random weights, at the smallest sizes that make sense.

The list is torchvision's own (`torchvision.models.list_models`); what one network needs and
another does not stands in a table. torchvision is imported only where a network is built or the
list is asked for. Quantized networks and optical flow are left out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from eqconform_models.network import Feed, Network, seed_of
from eqconform_models.randomize import Floats, InputSpec, draw, seeded, with_batch_size
from eqconform_models.settling import settle

TEN = MappingProxyType(
    {
        "resnet18": 64,
        "mobilenet_v2": 64,
        "squeezenet1_1": 64,
        "shufflenet_v2_x0_5": 64,
        "efficientnet_b0": 64,
        "googlenet": 64,
        "densenet121": 64,
        "vit_b_16": 64,
        "convnext_tiny": 64,
        "swin_t": 64,
    }
)
"""The ten networks that every run may try, with the side of their images."""

FAMILIES = ("classification", "segmentation", "video", "detection")
_GIANT = 150_000_000
_BATCH = 2


def _nothing_more(_: int) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class _Needs:
    """What a network needs.

    Attributes:
        smallest: side of the smallest image that it takes.
        fixed: it takes images of the one size that it is built for.
        frames: of a video; 0 for an image.
        traceable: `torch.fx.symbolic_trace` can trace it.
        options: keyword arguments of its builder, from the side of the image.
    """

    smallest: int = 32
    fixed: bool = False
    frames: int = 0
    traceable: bool = True
    options: Callable[[int], dict[str, Any]] = _nothing_more


def _without_initialization(_: int) -> dict[str, Any]:
    return {"init_weights": False}  # slow, and the warning about it too


def _for_images_of(size: int) -> dict[str, Any]:
    return {"image_size": size}


def _with_auxiliary(_: int) -> dict[str, Any]:
    return {"weights_backbone": None, "aux_loss": True}


def _without_backbone_weights(_: int) -> dict[str, Any]:
    return {"weights_backbone": None}


def _for_detection_at(size: int) -> dict[str, Any]:
    return {"weights_backbone": None, "min_size": size, "max_size": 2 * size}


def _for_regions_at(size: int) -> dict[str, Any]:
    # Few proposals, for time; all of them kept, or the last heads would be given nothing.
    few = {"rpn_pre_nms_top_n_test": 64, "rpn_post_nms_top_n_test": 16}
    return {**_for_detection_at(size), **few, "box_score_thresh": 0.0, "box_detections_per_img": 8}


_DETECTOR = _Needs(smallest=64, traceable=False, options=_for_detection_at)
_REGIONS = _Needs(smallest=64, traceable=False, options=_for_regions_at)
_SSD = _Needs(smallest=64, traceable=False, options=_without_backbone_weights)
_VIDEO = _Needs(smallest=64, frames=8)

# By how the name begins.
_NEEDS: Mapping[str, _Needs] = {
    "alexnet": _Needs(smallest=64),
    "googlenet": _Needs(options=_without_initialization),
    "inception_v3": _Needs(smallest=96, options=_without_initialization),
    "maxvit_": _Needs(smallest=224, fixed=True),
    "vit_h_14": _Needs(smallest=56, fixed=True, options=_for_images_of),
    "vit_": _Needs(smallest=64, fixed=True, options=_for_images_of),
    "deeplabv3_": _Needs(options=_with_auxiliary),
    "fcn_": _Needs(options=_with_auxiliary),
    "lraspp_": _Needs(options=_without_backbone_weights),
    "mvit_": _Needs(smallest=224, fixed=True, frames=16),
    "s3d": _Needs(smallest=224, fixed=True, frames=16),
    "swin3d_": _VIDEO,
    "mc3_": _VIDEO,
    "r3d_": _VIDEO,
    "r2plus1d_": _VIDEO,
    "ssd": _SSD,
    "fasterrcnn_": _REGIONS,
    "fcos_": _DETECTOR,
    "keypointrcnn_": _REGIONS,
    "maskrcnn_": _REGIONS,
    "retinanet_": _DETECTOR,
}


def vision_names(*families: str) -> list[str]:
    """The names that torchvision can build, of the given families or of all of `FAMILIES`.

    Args:
        families: some of `FAMILIES`.
    """
    from torchvision import models  # noqa: PLC0415  slow, and not every caller needs it

    # Classification stands in the package itself, each other family in a module of its name.
    modules = [getattr(models, family, models) for family in families or FAMILIES]
    return [name for module in modules for name in models.list_models(module=module)]


def vision_network(name: str, size: int = 64, *, fitted: bool = True) -> Network:
    """A torchvision network with random weights, and normalization statistics to go with them.

    Nothing is said of where its scales belong. Its tags are "vision", its family, "giant" beyond
    150 million parameters, and "traceable". What a network of the family "detection" returns
    depends on thresholds, so that rounding may change it at a jump.

    Args:
        name: one of `vision_names()`.
        size: side of the images; a network that needs larger ones gets them.
        fitted: give batch normalization the statistics of images, varied, so that what goes in
            matters to what comes out of the deepest network; a deep one then amplifies rounding as
            well. Otherwise the statistics are random.

    Raises:
        KeyError: torchvision has no such network.
    """
    family = next((each for each in FAMILIES if name in vision_names(each)), None)
    if family is None:
        raise KeyError(f"torchvision has no network {name!r}; see eqconform_models.vision_names().")
    giant = _parameter_count(name) > _GIANT
    return _network(name, size, family, giant=giant, fitted=fitted)


def ten() -> dict[str, Network]:
    """The networks of `TEN`, by name; torchvision is not imported."""
    return {name: _network(name, size, "classification") for name, size in TEN.items()}


def _network(
    name: str, size: int, family: str, *, giant: bool = False, fitted: bool = True
) -> Network:
    needs = next((needs for start, needs in _NEEDS.items() if name.startswith(start)), _Needs())
    size = needs.smallest if size < needs.smallest or name == "vit_h_14" else size
    other = None if needs.fixed else [_input(needs, size + 32)]
    feed = Feed(seed_of(name), [_input(needs, size)], other)
    tags = {"vision", family, *(["giant"] if giant else [])}
    return Network(
        name=name,
        summary=f"torchvision's {name} on images of {size} x {size}.",
        build=partial(_build, name, size, needs, feed, fitted=fitted),
        calibration=feed.calibration,
        judgement=feed.judgement,
        folds=MappingProxyType({}),
        multiplied=frozenset(),
        norm_folds=frozenset(),
        tags=frozenset(tags | ({"traceable"} if needs.traceable else set())),
    )


def _input(needs: _Needs, size: int) -> InputSpec:
    frames = (needs.frames,) if needs.frames else ()
    return Floats((_BATCH, 3, *frames, size, size), channel_axis=1)


def _parameter_count(name: str) -> int:
    from torchvision import models  # noqa: PLC0415  see above

    weights = models.get_model_weights(name)
    return max((int(each.meta["num_params"]) for each in weights), default=0)


def _build(name: str, size: int, needs: _Needs, feed: Feed, *, fitted: bool) -> nn.Module:
    from torchvision import models  # noqa: PLC0415  see above

    with seeded(feed.seed), torch.no_grad():
        model: nn.Module = models.get_model(name, weights=None, **needs.options(size)).eval()
        settle(model, _typical_images(feed) if fitted else [], feed.seed)
    return model


def _typical_images(feed: Feed) -> list[Tensor]:
    """Images to fit statistics to: faint and strong ones of every size that will be judged.

    Fitted to one kind alone, a deep network takes the others for outliers, and blows up on them.
    """
    found = []
    for spec in [*feed.inputs, *(feed.other_size or ())]:
        images = draw(with_batch_size(spec, 6), character=feed.seed, sample=feed.seed)
        found.append(torch.cat([images, 3 * images]))
    return found
