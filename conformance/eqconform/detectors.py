"""What torchvision's detection networks compute before they decide.

Their outputs go through sorting, thresholds and non-maximum suppression, where two scores that
are equal to rounding may trade places. What enters those is continuous, and is what can be
compared: features, class scores and box regressions, and what the heads make of given boxes.
"""

from typing import Any

import torch
from torch import Tensor, nn

_BOXES = ((0.1, 0.1, 0.6, 0.7), (0.3, 0.2, 0.9, 0.9), (0.0, 0.0, 1.0, 1.0))
"""Fixed regions for the second stage: left, top, right, bottom, as parts of the image."""


class Undecided(nn.Module):
    """A detection network up to its decisions.

    Args:
        detector: one of `torchvision.models.detection`, or an equalized one.
    """

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector: Any = detector

    def forward(self, images: Tensor) -> dict[str, Any]:
        """Features and raw head outputs of images of shape (N, 3, height, width)."""
        given, _ = self.detector.transform(list(images))
        features = self.detector.backbone(given.tensors)
        if hasattr(self.detector, "rpn"):
            proposals = self.detector.rpn.head(list(features.values()))
            return {"features": features, "rpn": proposals, **self._second_stage(features, given)}
        return {"features": features, "head": self.detector.head(list(features.values()))}

    def _second_stage(self, features: Any, given: Any) -> dict[str, Any]:
        heads, sizes = self.detector.roi_heads, given.image_sizes
        boxes = [_boxes(size, given.tensors) for size in sizes]
        boxed = heads.box_head(heads.box_roi_pool(features, boxes, sizes))
        found = {"boxes": heads.box_predictor(boxed)}
        for kind in ("mask", "keypoint"):
            if getattr(heads, f"{kind}_roi_pool", None) is not None:
                pooled = getattr(heads, f"{kind}_roi_pool")(features, boxes, sizes)
                head, last = (getattr(heads, f"{kind}_{part}") for part in ("head", "predictor"))
                found[kind] = last(head(pooled))
        return found


def _boxes(size: tuple[int, int], like: Tensor) -> Tensor:
    """Boxes of shape (3, 4) in pixels of an image of (height, width)."""
    height, width = size
    return torch.tensor(_BOXES).to(like) * torch.tensor([width, height, width, height]).to(like)
