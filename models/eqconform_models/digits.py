"""A small depthwise-separable network, trained on the spot on scikit-learn's handwritten digits.

Nothing is planted in it. A high learning rate and weight decay let the channels' batch-norm gains
drift apart, as long training does in large networks; folded into a depthwise layer, a gain is the
range of a channel's weights, and that of one channel comes out up to a million times another's.

Sources: Howard et al. 2017, MobileNets (arXiv 1704.04861), for the blocks; Nagel et al. 2019
(arXiv 1906.04721), section 3, for what folding does to them; `sklearn.datasets.load_digits`.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  its customary name
from torch import Tensor, nn

from eqconform_models.randomize import seeded

BATCH_SIZE = 64

_TRAINED_ON = 1197  # of 1797: two thirds
_WIDTH, _BLOCKS, _STRIDED = 12, 6, (1, 3)
_EPOCHS, _LEARNING_RATE, _WEIGHT_DECAY = 30, 0.6, 5e-3


class Digits(NamedTuple):
    """Images of shape (N, 1, 8, 8), from 0 to 1, and labels of shape (N,), from 0 to 9."""

    images: Tensor
    labels: Tensor

    def batches(self) -> list[Tensor]:
        """The images in batches; what does not fill one is left out."""
        return [each for each in torch.split(self.images, BATCH_SIZE) if len(each) == BATCH_SIZE]


def digits() -> tuple[Digits, Digits]:
    """What is trained and calibrated on, and what is held out; the same split every time.

    Raises:
        ImportError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits  # noqa: PLC0415  an optional extra
    except ImportError as error:
        raise ImportError(
            "the digits come with scikit-learn, which is not installed: "
            "pip install '.[digits]' in a checkout of eqconform"
        ) from error
    found = load_digits()
    with seeded(0):
        order = torch.randperm(len(found.target))
    images = torch.tensor(found.images, dtype=torch.float32).unsqueeze(1)[order] / 16
    labels = torch.tensor(found.target)[order]
    kept, held_out = slice(_TRAINED_ON), slice(_TRAINED_ON, None)
    return Digits(images[kept], labels[kept]), Digits(images[held_out], labels[held_out])


class SeparableNet(nn.Module):
    """A convolution, then blocks of a depthwise and a pointwise one, each with norm and ReLU."""

    def __init__(self) -> None:
        super().__init__()
        layers = _normalized(nn.Conv2d(1, _WIDTH, 3, padding=1, bias=False))
        for block in range(_BLOCKS):
            layers += _normalized(_depthwise(2 if block in _STRIDED else 1))
            layers += _normalized(nn.Conv2d(_WIDTH, _WIDTH, 1, bias=False))
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(_WIDTH, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (N, 1, 8, 8) to logits (N, 10)."""
        logits: Tensor = self.head(self.features(x).mean((2, 3)))
        return logits


def trained(seed: int, examples: Digits) -> nn.Module:
    """A network trained from a seed, norms folded, in eval mode.

    It is the same every time on one machine with one thread; the global random state stays as it
    was.
    """
    with seeded(seed):
        model = SeparableNet()
        _train(model, examples)
    return _without_norms(model.eval())


def _train(model: nn.Module, examples: Digits) -> None:
    """SGD with Nesterov momentum, the learning rate in one cycle."""
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=_LEARNING_RATE,
        momentum=0.9,
        weight_decay=_WEIGHT_DECAY,
        nesterov=True,
    )
    steps = len(examples.labels) // BATCH_SIZE
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, _LEARNING_RATE, total_steps=_EPOCHS * steps
    )
    for _ in range(_EPOCHS):
        order = torch.randperm(len(examples.labels))
        for chosen in torch.split(order, BATCH_SIZE)[:steps]:
            loss = F.cross_entropy(model(examples.images[chosen]), examples.labels[chosen])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch annotates it in part
            optimizer.step()
            cycle.step()


def _depthwise(stride: int) -> nn.Conv2d:
    return nn.Conv2d(_WIDTH, _WIDTH, 3, stride, padding=1, groups=_WIDTH, bias=False)


def _normalized(convolution: nn.Conv2d) -> list[nn.Module]:
    return [convolution, nn.BatchNorm2d(_WIDTH), nn.ReLU()]


def _without_norms(model: SeparableNet) -> nn.Module:
    """The same function with every norm folded into the convolution before it."""
    folded: list[nn.Module] = []
    for layer in model.features:
        if isinstance(layer, nn.BatchNorm2d):
            folded[-1] = nn.utils.fuse_conv_bn_eval(folded[-1], layer)  # type: ignore[type-var]  # a convolution stands there
        else:
            folded.append(layer)
    model.features = nn.Sequential(*folded).eval()
    return model
