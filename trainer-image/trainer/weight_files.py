"""Which files of a base are taken, and which never: weights are safetensors. A pickle (.bin, .pt, .pth, .ckpt, .pkl) runs the code that it
holds when it is opened, so a base that has its weights only so is refused, and such files beside safetensors are not taken along."""

from collections.abc import Callable, Iterable

SUFFIXES = (".json", ".safetensors", ".model", ".txt", ".jinja", ".tiktoken", ".py")
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


def refuse_pickles(names: Iterable[str], whose: str, failure: Callable[[str, str], Exception]) -> None:
    """Raises `failure("unsafe_weights", ...)` where the only weights are pickles."""
    given = list(names)
    if any(name.endswith(".safetensors") for name in given):
        return
    pickles = sorted(name for name in given if name.endswith(PICKLES))
    if pickles:
        said = f"{whose} has its weights as {pickles[0]}, a pickle, which can run code when it is opened: give it as safetensors"
        raise failure("unsafe_weights", said)
