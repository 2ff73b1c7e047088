"""What a caller could notice about a model: portraits of it, taken before a call and after."""

from collections.abc import Mapping

from torch import Tensor, nn

from eqconform.checks.verdicts import identical
from eqconform.judge.outcome import Evidence, require

SETTINGS = {"eps": 0.07, "momentum": 0.3, "p": 0.2}
"""Of norms and dropouts, by attribute; none is the default of any module."""


def with_settings(model: nn.Module) -> nn.Module:
    """The model, with the norms and dropouts in it set to `SETTINGS`."""
    for module in model.modules():
        vars(module).update({name: SETTINGS[name] for name in settings_of(module)})
    return model


def settings_of(module: nn.Module) -> list[str]:
    """Which of `SETTINGS` a module has."""
    return [name for name in SETTINGS if name in vars(module)]


def is_equal(one: object, two: object) -> bool:
    """Whether two values are equal; tensors number by number, where NaN equals NaN."""
    if isinstance(one, Tensor) and isinstance(two, Tensor):
        return identical(one, two)
    return one is two or bool(one == two)


def with_hooks(model: nn.Module) -> nn.Module:
    """The model with a hook of each kind that does nothing, for them to be lost."""
    model.register_forward_hook(lambda *_: None)
    model.register_forward_pre_hook(lambda *_: None)
    return model


def portrait(model: nn.Module) -> dict[str, object]:
    """Everything about a model that a caller could notice."""
    seen: dict[str, object] = {"the keys of the state_dict": list(model.state_dict())}
    for name, module in model.named_modules():
        where = f"module {name!r}"
        seen[f"the type of {where}"] = type(module)
        seen[f"the mode of {where}"] = module.training
        seen[f"the attributes of {where}"] = sorted(vars(module))
        seen[f"the forward of {where}"] = vars(module).get("forward", type(module).forward)
        for kind, hooks in vars(module).items():
            if kind.endswith("hooks") and isinstance(hooks, Mapping):
                seen[f"{kind} of {where}"] = list(hooks.values())
    for name, tensor in [
        *model.named_parameters(remove_duplicate=False),
        *model.named_buffers(remove_duplicate=False),
    ]:
        seen[f"the identity of {name!r}"] = id(tensor)
        seen[f"the value of {name!r}"] = tensor.detach().clone()
        seen[f"requires_grad of {name!r}"] = tensor.requires_grad
        seen[f"the gradient of {name!r}"] = tensor.grad
    return seen


def require_same(before: Mapping[str, object], after: Mapping[str, object], whose: str) -> Evidence:
    """The evidence that two portraits are alike.

    Raises:
        Violation: they are not; the first few differences are named.
    """
    places = [*before, *(place for place in after if place not in before)]
    differing = [at for at in places if not is_equal(before.get(at), after.get(at))]
    seen = "; ".join(f"{at}: {_change(before.get(at), after.get(at))}" for at in differing[:3])
    return require(not differing, Evidence(f"every part {whose} as it was", seen or "it is"))


def _change(before: object, after: object) -> str:
    """What became of a value, in words; of a list, what came and what went."""
    if not (isinstance(before, list) and isinstance(after, list)):
        return f"{before} became {after}"
    came = [str(each) for each in after if each not in before]
    went = [str(each) for each in before if each not in after]
    return f"{', '.join(came) or 'nothing'} came, {', '.join(went) or 'nothing'} went"
