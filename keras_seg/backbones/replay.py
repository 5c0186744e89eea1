"""A functional model's graph in order, and run again on another input."""

import keras


def graph_nodes(model):
    """The nodes of a functional `model` in graph order: deeper ones first, then as they were created."""
    by_depth = model._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]


def replay(model, inputs, call):
    """Run the graph of a one-input functional `model` on `inputs`: `call(operation, *args, **kwargs)` at every node.

    `keras.models.clone_model` does nearly this, but cuts the result off from what `inputs` was computed from.

    Returns:
        A dict from the id of each of the model's tensors to what took its place.
    """
    values = {id(model.inputs[0]): inputs}
    for node in graph_nodes(model):
        if node.is_input:
            continue
        args, kwargs = node.arguments.fill_in(values)
        outputs = keras.tree.flatten(call(node.operation, *args, **kwargs))
        for tensor, output in zip(node.outputs, outputs, strict=True):
            values[id(tensor)] = output
    return values


def as_functional(model):
    """`model` itself when it has a graph, the graph of a built `Sequential`, or None for a subclassed model."""
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs, model.outputs, name=model.name) if model.built else None
    return model if isinstance(model, keras.Model) and hasattr(model, "_nodes_by_depth") else None
