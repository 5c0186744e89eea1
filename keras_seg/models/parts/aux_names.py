"""The modules of heads in state dicts of PyTorch, by the layers that they are here."""


def fcn_modules(name: str, module: str, classes: str) -> dict[str, str]:
    """{layer: module} of `fcn_features` of that name, and of the scores `classes` behind it."""
    return {f"{name}_conv": f"{module}.0", f"{name}_norm": f"{module}.1", classes: f"{module}.4"}


def branch_modules(name: str, module: str, classes: str) -> dict[str, str]:
    """{layer: module} of the heads of DDRNet and PIDNet."""
    layers = {f"{name}_bn": "bn1", f"{name}_conv": "conv1", f"{name}_bn2": "bn2", classes: "conv2"}
    return {layer: f"{module}.{part}" for layer, part in layers.items()}
