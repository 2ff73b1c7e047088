"""Configuration: which layers are equalized, with which observers, and how.

The shape is that of PyTorch 2.15, torch/ao/quantization/qconfig_mapping.py: a global setting,
and settings by type, pattern and name that override it; None leaves a layer alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from torch import nn

from eqconform_reference.observers import InputEqualizationObserver, WeightEqualizationObserver
from eqconform_reference.scale import Statistic

Fold = Literal["always", "never", "auto"]
ObserverType = TypeVar("ObserverType", InputEqualizationObserver, WeightEqualizationObserver)
LayerKind = Literal["linear", "conv1d", "conv2d", "conv3d"]


@dataclass(frozen=True)
class Observers:
    """The factories that make a layer's observers: classes, partials, any callable.

    Attributes:
        input: called with channel_axis=; gives an `InputEqualizationObserver`.
        weight: called with groups=; gives a `WeightEqualizationObserver`.

    Raises:
        ValueError: an observer instance, which every layer would share, or nothing.
    """

    input: Callable[..., nn.Module] = InputEqualizationObserver
    weight: Callable[..., nn.Module] = WeightEqualizationObserver

    def __post_init__(self) -> None:
        for side, factory in (("input", self.input), ("weight", self.weight)):
            if isinstance(factory, nn.Module) or not callable(factory):
                raise ValueError(  # noqa: TRY004  as PyTorch's EqualizationQConfig
                    f"the {side} observer of a configuration must be a factory, a class or "
                    f"functools.partial of one, and not {factory!r}: every layer gets its own."
                )


@dataclass(frozen=True)
class Config:
    """What to equalize.

    Attributes:
        default: for every layer that nothing below speaks of; None leaves those alone.
        types: by module type or function (`torch.nn.functional.linear`), subclasses included.
        patterns: by regular expression, matched against the whole qualified name.
        names: by qualified name: a module's, or that of a functional layer's weight.
            A name wins over a pattern, a pattern over a type, a type over the default.
        statistic: "range" or "absmax", see `equalization_scale`.
        fold: "always" folds a scale into the layer before wherever that is right, "never"
            multiplies, "auto" folds only where the producer's own weight range does not suffer.
        leaf_modules: types or qualified names that tracing does not enter.
        custom: module types that compute what a layer of that kind computes from `weight`,
            `bias` (and `groups`).
        by_parts: where the whole network cannot be traced, equalize each submodule that can be
            and leave the rest as it is. The calibration batches must show all ways in which the
            rest uses them.

    Raises:
        ValueError: an unknown `statistic`, `fold` or kind of custom layer.
    """

    default: Observers | None = field(default_factory=Observers)
    types: Mapping[Any, Observers | None] = field(default_factory=dict)
    patterns: Mapping[str, Observers | None] = field(default_factory=dict)
    names: Mapping[str, Observers | None] = field(default_factory=dict)
    statistic: Statistic = "range"
    fold: Fold = "always"
    leaf_modules: Collection[type[nn.Module] | str] = ()
    custom: Mapping[type[nn.Module], LayerKind] = field(default_factory=dict)
    by_parts: bool = False

    def __post_init__(self) -> None:
        _check_choice("statistic", self.statistic, ("range", "absmax"))
        _check_choice("fold", self.fold, ("always", "never", "auto"))
        for module_type, kind in self.custom.items():
            name = f"custom[{module_type.__name__}]"
            _check_choice(name, kind, ("linear", "conv1d", "conv2d", "conv3d"))

    @classmethod
    def only(
        cls,
        *,
        names: Collection[str] = (),
        types: Collection[Any] = (),
        patterns: Collection[str] = (),
        **options: Any,
    ) -> Config:
        """A configuration for these layers and no others.

        Raises:
            TypeError: names or patterns are one string, whose characters would be taken for them.
        """
        for given in (names, patterns):
            if isinstance(given, str):
                raise TypeError(f"names and patterns come as a collection: use [{given!r}].")
        chosen = Observers()
        return cls(
            default=None,
            names=dict.fromkeys(names, chosen),
            types=dict.fromkeys(types, chosen),
            patterns=dict.fromkeys(patterns, chosen),
            **options,
        )

    def observers_for(self, name: str, operation: object) -> Observers | None:
        """The setting for one layer; None: leave it alone.

        Args:
            name: qualified name.
            operation: the module, the type of one, or the function of a functional layer.
        """
        if name in self.names:
            return self.names[name]
        for pattern, setting in self.patterns.items():
            if re.fullmatch(pattern, name):
                return setting
        for key, setting in self.types.items():
            if key is operation or (isinstance(key, type) and _is_a(operation, key)):
                return setting
        return self.default

    def observer(
        self, kind: type[ObserverType], name: str, operation: object, **settings: int
    ) -> ObserverType:
        """A new observer of one layer's input or weight, made by the factory for it.

        Args:
            kind: `InputEqualizationObserver` or `WeightEqualizationObserver`.
            name: see `observers_for`.
            operation: see `observers_for`.
            settings: arguments of the factory.

        Raises:
            TypeError: the factory makes something else.
        """
        side = "input" if kind is InputEqualizationObserver else "weight"
        made = getattr(self.observers_for(name, operation), side)(**settings)
        if not isinstance(made, kind):
            raise TypeError(
                f"the {side} observer factory for layer {name!r} made {made!r}; it must make "
                f"{kind.__name__} or a subclass."
            )
        return made


def given_or_default(config: Config | None) -> Config:
    """The configuration that was given, or the one that equalizes every layer.

    Raises:
        TypeError: something else was given.
    """
    if config is None:
        return Config()
    if not isinstance(config, Config):
        raise TypeError(
            f"config must be a Config, not {type(config).__name__}; prepare takes a batch by name, "
            "as example=batch."
        )
    return config


def _is_a(operation: object, kind: type) -> bool:
    """Whether a module, or a type of modules, is of a kind."""
    if isinstance(operation, type):
        return issubclass(operation, kind)
    return isinstance(operation, kind)


def _check_choice(option: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{option} is one of {', '.join(map(repr, choices))}, not {value!r}.")
